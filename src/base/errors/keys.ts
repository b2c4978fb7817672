/**
 * Error codes of crypto and kek.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const keyErrors = {
  KEY_OPERATION_UNAVAILABLE: {
    retryable: false,
    what: "the node cannot do this to its keys in its present state",
    kept: "nothing was changed",
    todo: "bring about what the message names as missing and ask again",
  },
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
  CRYPTO_KEY_ID_INVALID: {
    retryable: false,
    what: "a key carries the id 0, which means unencrypted",
    kept: "the key was not taken and nothing was sealed or opened",
    todo: "run `strongroom verify` and restore the damaged keyring from a backup",
  },
  CRYPTO_KEY_CONFLICT: {
    retryable: false,
    what: "two different keys claim the same id",
    kept: "the key that was held first stays in use and the other was not taken",
    todo: "find out which copy of the keyring is genuine and restore it from a backup",
  },
  CRYPTO_KEY_PURPOSE: {
    retryable: false,
    what: "a key was named for a use that is not its purpose",
    kept: "nothing was sealed or opened",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  KEK_SPEC_INVALID: {
    retryable: false,
    what: "the KEK is not named in a way that is understood",
    kept: "no key was read and the data directory was not touched",
    todo: "name it as file:PATH or env:NAME, each KEK once",
  },
  KEK_MISSING: {
    retryable: false,
    what: "the KEK is not there",
    kept: "the data directory was not touched, and no new key was made in its place",
    todo: "put the key file or variable back from its copy, since without it no data can be read",
  },
  KEK_PERMISSIONS: {
    retryable: false,
    what: "the KEK file is open to others, or is no regular file",
    kept: "the key was not used and the data directory was not touched",
    todo: "make it a regular file of the user that runs the node, with chmod 600",
  },
  KEK_SIZE: {
    retryable: false,
    what: "the KEK is not exactly 32 bytes",
    kept: "the key was not used and the data directory was not touched",
    todo: "restore the key from its copy, or make one for new data with `strongroom keygen`",
  },
  KEK_WRONG: {
    retryable: false,
    what: "the KEK does not open this key: it is another KEK, or the wrap was damaged or moved",
    kept: "nothing was opened or changed",
    todo: "start with the KEK that the data was encrypted under",
  },
  KEK_UNAVAILABLE: {
    retryable: true,
    what: "the KEK cannot be reached or read at the moment",
    kept: "nothing was opened or changed",
    todo: "see that the device or service that holds the key answers",
  },
} as const satisfies Record<string, ErrorRow>;
