/**
 * The Clock port on Node.
 * @module
 */
import type { Clock } from "../base/ports.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
