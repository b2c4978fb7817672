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
  KEY_OPERATION_TIMEOUT: {
    retryable: true,
    what: "a change of the keys took longer than it may",
    kept: "it is done once or not at all, and nothing else waits for it",
    todo: "ask again with the same request id: the answer then says what became of it",
  },
  KEY_REQUEST_INVALID: {
    retryable: false,
    what: "the id of the request is not 32 hexadecimal digits, or all zero",
    kept: "nothing was changed",
    todo: "draw 16 random bytes for each new request and give them as hexadecimal digits",
  },
  KEY_IN_USE: {
    retryable: true,
    what: "something still lies under the key",
    kept: "the key is kept and everything under it can be read",
    todo: "rewrite the key (`keys rewrite ID --wait`), then ask again",
  },
  KEY_LAST_WRAP: {
    retryable: false,
    what: "without this KEK the node could open a key no more",
    kept: "every wrap is kept",
    todo: "add another KEK that works before this one is removed",
  },
  KEK_NOT_IN_USE: {
    retryable: false,
    what: "no key is wrapped by the KEK and the node has none of this id",
    kept: "nothing was changed",
    todo: "take the id from `keys status`",
  },
  KEY_SKIP_REFUSED: {
    retryable: false,
    what: "the entry cannot be skipped",
    kept: "the applied index was not advanced",
    todo: "name the entry at which the node has halted, as `keys status` tells it",
  },
  KEY_POLICY_INVALID: {
    retryable: false,
    what: "the policy of rotation cannot be read",
    kept: "nothing was changed",
    todo: "give limits such as `30d`, `100gb` or `1000000writes`, with `storage:` or `log:` before",
  },
  KEY_PROOF_INVALID: {
    retryable: false,
    what: "the proof is not what a node of this cluster has signed",
    kept: "nothing was changed",
    todo: "make a new proof (`keys proof ID --json`) on the node",
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
    todo: "name it as docs/operations/keks.md shows, each KEK once",
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
  KEK_DRIVER_MISSING: {
    retryable: false,
    what: "the software that talks to this kind of KEK is not there",
    kept: "no key was asked for and the data directory was not touched",
    todo: "install the package or library that the message names, or start with another KEK",
  },
  KEK_CREDENTIALS: {
    retryable: false,
    what: "the credentials for the service that holds the KEK are missing or not usable",
    kept: "the service was not asked, and nothing was opened or changed",
    todo: "give the credentials as docs/operations/keks.md shows for this kind of KEK",
  },
  KEK_DENIED: {
    retryable: false,
    what: "the service that holds the KEK does not let these credentials use it",
    kept: "nothing was opened or changed",
    todo: "renew the credentials, or allow them to encrypt, decrypt and look at this key",
  },
  KEK_NOT_FOUND: {
    retryable: false,
    what: "the service does not hold a KEK of this name",
    kept: "nothing was opened or changed, and no new key was made in its place",
    todo: "correct the name, or restore the key in the service from its backup",
  },
  KEK_DISABLED: {
    retryable: false,
    what: "the KEK, or the version of it that made the wrap, is switched off in its service",
    kept: "nothing was opened or changed",
    todo: "enable the key or that version again, or start with another KEK of the data",
  },
  KEK_UNSUITABLE: {
    retryable: false,
    what: "the KEK is of a kind that cannot wrap keys bound to their place",
    kept: "nothing was wrapped by it and nothing was changed",
    todo: "make a key of the kind that docs/operations/keks.md names, and name that one",
  },
  KEK_UNTRUSTED: {
    retryable: false,
    what: "the service that holds the KEK does not prove who it is",
    kept: "no credentials were sent, and nothing was opened or changed",
    todo: "name the certificate authority of the service, or mend its certificate",
  },
  KEK_REFUSED: {
    retryable: false,
    what: "the service that holds the KEK refuses the request, or answers what is not understood",
    kept: "nothing was opened or changed",
    todo: "look at what the service says, and at its own log",
  },
} as const satisfies Record<string, ErrorRow>;
