/**
 * Error codes of crypto and kek.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const keyErrors = {
  CRYPTO_ENVELOPE_SHORT: {
    retryable: false,
    what: "a sealed envelope is shorter than its header and tag",
    kept: "nothing was opened or changed",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  CRYPTO_ENVELOPE_VERSION: {
    retryable: false,
    what: "a sealed envelope has an unknown version or reserved flag bits",
    kept: "nothing was opened or changed",
    todo: "use the version of Strongroom that wrote it, or run `strongroom verify`",
  },
  CRYPTO_KEY_UNKNOWN: {
    retryable: true,
    what: "the envelope names a key that this node does not hold",
    kept: "nothing was opened or changed",
    todo: "wait until the node has caught up with the log, or restore the key's wraps",
  },
  CRYPTO_TAG_MISMATCH: {
    retryable: false,
    what: "sealed data did not authenticate: it was damaged, moved or forged",
    kept: "the damaged bytes were left as they are and nothing was returned",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  CRYPTO_NONCES_EXHAUSTED: {
    retryable: false,
    what: "the write counter of a subkey has reached its end",
    kept: "no nonce was used twice",
    todo: "rotate the key or restart the node: both begin a fresh subkey",
  },
} as const satisfies Record<string, ErrorRow>;
