/**
 * How much memory there is.
 * @module
 */
import { totalmem } from "node:os";

/** Bytes: of the machine, or the bound of the container (cgroup) if that is less. */
export function memoryBytes(): number {
  // 0 or something huge where there is no bound.
  const bound = process.constrainedMemory();
  return bound > 0 ? Math.min(totalmem(), bound) : totalmem();
}
