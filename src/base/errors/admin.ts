/**
 * Error codes of the admin service: who may ask, what must be so before keys are changed, and what
 * is known when an answer does not come in time.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const adminErrors = {
  ADMIN_NOT_RUNNING: {
    retryable: true,
    what: "no running node was found for the data directory",
    kept: "nothing was changed",
    todo: "start the node, or give the data directory of the one that runs",
  },
  ADMIN_UNAUTHENTICATED: {
    retryable: false,
    what: "the admin token is missing or wrong",
    kept: "nothing was changed",
    todo: "run the command as the user who runs the node, with its data directory",
  },
  ADMIN_REQUEST_INVALID: {
    retryable: false,
    what: "the admin endpoint does not understand the request",
    kept: "nothing was changed",
    todo: "use the command line of the version that runs the node",
  },
  ADMIN_REQUEST_ID_REUSED: {
    retryable: false,
    what: "the request id belongs to another request",
    kept: "nothing was changed by this one",
    todo: "draw a new request id for each change, and repeat one only with the same change",
  },
  ADMIN_INTERNAL: {
    retryable: false,
    what: "the node failed in a way that it did not expect",
    kept: "everything acknowledged is durable",
    todo: "read the log of the node",
  },
  ADMIN_BUSY: {
    retryable: true,
    what: "as many requests of this kind are under way as the node allows",
    kept: "nothing was changed",
    todo: "wait for those, then ask again",
  },
  ADMIN_OUTCOME_UNKNOWN: {
    retryable: true,
    what: "the change was not done within its time, and goes on or will not happen at all",
    kept: "everything acknowledged is durable, and the change happens at most once",
    todo: "ask again with the same request id: the answer tells the outcome",
  },
  ADMIN_STREAM_BROKEN: {
    retryable: true,
    what: "the node stopped answering in the middle of an answer",
    kept: "nothing was changed by reading",
    todo: "see whether the node still runs, then ask again",
  },
  ADMIN_TOKEN_UNSAFE: {
    retryable: false,
    what: "others than the node's user can read or replace the admin token",
    kept: "the node does not serve, and no data was changed",
    todo: "remove the token file, find out who read it, and start again: a new one is drawn",
  },
  ADMIN_TLS_REQUIRED: {
    retryable: false,
    what: "the admin port may leave the loopback only with TLS",
    kept: "nothing was opened or written",
    todo: "give --admin-tls-cert and --admin-tls-key, or bind it to 127.0.0.1",
  },
  ADMIN_TLS_INVALID: {
    retryable: false,
    what: "certificate, key or authorities of the admin port cannot be used",
    kept: "nothing was changed",
    todo: "correct the files of --admin-tls-cert, --admin-tls-key and --admin-tls-ca",
  },
  ADMIN_GATE_ENCRYPTION_OFF: {
    retryable: false,
    what: "the database is not encrypted: there are no keys to change",
    kept: "nothing was changed",
    todo: "make the first keys: `strongroom encryption bootstrap`",
  },
  ADMIN_GATE_KEK_MISSING: {
    retryable: false,
    what: "no KEK is configured, so no key could be opened again after a restart",
    kept: "nothing was changed",
    todo: "start the node with --kek",
  },
  ADMIN_GATE_SIDECAR_UNUSABLE: {
    retryable: true,
    what: "the sidecar's directory cannot be written, so no change of keys could be kept",
    kept: "nothing was changed",
    todo: "make room and correct permissions of <data>/encryption, then ask again",
  },
} as const satisfies Record<string, ErrorRow>;
