/**
 * The Scheduler port on Node.
 * @module
 */
import { setImmediate as immediate, setTimeout as timeout } from "node:timers/promises";
import type { Scheduler } from "../base/ports.ts";

export const systemScheduler: Scheduler = {
  yieldNow: () => immediate(),
  delay: (ms) => timeout(ms, undefined, { ref: false }),
};
