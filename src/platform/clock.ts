/**
 * The Clock port on Node.
 * @module
 */
import { uptime } from "node:os";
import type { Clock } from "../base/ports.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sinceBootMs: () => uptime() * 1000,
};
