/**
 * Error codes of the ports on Node.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const platformErrors = {
  DISK_LOCK_UNSUPPORTED: {
    retryable: false,
    what: "the data directory cannot be locked against a second process",
    kept: "nothing was opened or changed",
    todo: "install a C compiler and restart, or install util-linux, which brings `flock`",
  },
} as const satisfies Record<string, ErrorRow>;
