/**
 * Error codes of the keyring, the writer registry and the startup guards.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const controlErrors = {
  KEK_NOT_CONFIGURED: {
    retryable: false,
    what: "the data is encrypted and no KEK is configured",
    kept: "the data directory was not touched",
    todo: "start with --kek file:PATH or --kek env:NAME",
  },
} as const satisfies Record<string, ErrorRow>;
