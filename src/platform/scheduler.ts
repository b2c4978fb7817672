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

/** The same, but what is waited for keeps the process alive. */
export const patientScheduler: Scheduler = {
  yieldNow: () => immediate(),
  delay: (ms) => timeout(ms),
};
