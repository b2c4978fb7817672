/**
 * Error codes of the node, its servers and its command line.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const nodeErrors = {
  NODE_HALTED: {
    retryable: false,
    what: "the node has halted at an entry that it cannot apply",
    kept: "the applied index was not advanced and no data was changed",
    todo: "read the cause in the log of the node, remove it and restart",
  },
  NODE_APPLY_DEFECT: {
    retryable: false,
    what: "the program met a defect of its own while it applied an entry of the log",
    kept: "the applied index was not advanced, and what was acknowledged is in log and store",
    todo:
      "keep a copy of the data directory and start a version without the defect: nothing is lost " +
      "then; or let the node pass the entry (`strongroom keys skip`), and what it held is lost",
  },
  NODE_RECORD_NEEDED: {
    retryable: false,
    what: "the write needs what its key held, and that stored record is damaged",
    kept: "nothing of it entered the log and no key was changed",
    todo:
      "restore the damaged file from a backup (`strongroom verify` names it), or give up what " +
      "the key held: SET replaces it, DEL deletes it (not in the minute before it expires)",
  },
  NODE_STOPPING: {
    retryable: true,
    what: "the node is stopping",
    kept: "everything acknowledged is durable",
    todo: "try again on the node once it has started",
  },
  ENTRY_OPCODE_UNKNOWN: {
    retryable: false,
    what: "the log holds an entry of a kind that this version does not know",
    kept: "the applied index was not advanced and no data was changed",
    todo: "start the version of Strongroom that wrote the log",
  },
  ENTRY_COMMAND_UNKNOWN: {
    retryable: false,
    what: "the log holds a command that this version does not know",
    kept: "the applied index was not advanced and no data was changed",
    todo: "start the version of Strongroom that wrote the log",
  },
  ENTRY_CHANGES_TOO_MUCH: {
    retryable: true,
    what: "the commands that were sent together change too many bytes of large values",
    kept: "those before this one were performed, this one was not",
    todo: "send it again alone, or in a transaction of fewer commands",
  },
  NODE_ENTRY_REFUSED: {
    retryable: true,
    what: "the write did not come next in its session's order",
    kept: "it was not applied, here or anywhere",
    todo: "send it again",
  },
  NODE_CLOCK_AHEAD: {
    retryable: false,
    what: "the clock of this machine is far ahead of the last commit",
    kept: "nothing was written, so no key expires before its time, and reads are served",
    todo:
      "correct the clock; if it is right (the node was off, or the data is an old copy), start " +
      "with --clock trusted or send CONFIG SET clock trusted",
  },
  NODE_CLOCK_BEHIND: {
    retryable: false,
    what: "the clock of this machine is far behind the last commit",
    kept: "nothing was written, and everything committed is there, and reads are served",
    todo:
      "correct the clock; if it is right (it was wrong before), start with --clock trusted or " +
      "send CONFIG SET clock trusted: keys then expire late, by as much as the clock was ahead",
  },
  NODE_LOG_BEHIND: {
    retryable: false,
    what: "the log ends before the state that the store holds",
    kept: "nothing was changed",
    todo: "put back the log directory that belongs to this data directory, or a whole backup",
  },
  NODE_LOG_GAP: {
    retryable: false,
    what: "the log begins behind the state that the store holds",
    kept: "nothing was changed",
    todo: "put back the store directory that belongs to this data directory, or a whole backup",
  },
  NODE_LOG_FOREIGN: {
    retryable: false,
    what: "the log is of another history than the store",
    kept: "nothing was changed",
    todo: "put back log and store of the same moment, or a whole backup",
  },
  SERVER_LISTEN_FAILED: {
    retryable: false,
    what: "a socket could not be opened for listening",
    kept: "the data was not touched and every socket opened before was closed",
    todo: "free the address or choose another with --port, --bind or --unixsocket",
  },
  SERVER_DESCRIPTORS_FEW: {
    retryable: false,
    what: "the process may open too few files to serve even one client",
    kept: "the data was not touched and nothing was opened for listening",
    todo: "raise the limit (ulimit -n, LimitNOFILE of systemd) to 1024 or more",
  },
  SERVER_TLS_INVALID: {
    retryable: false,
    what: "the certificate or key for TLS cannot be used",
    kept: "nothing was opened for listening",
    todo: "give readable PEM files with --tls-cert, --tls-key and, for clients, --tls-ca",
  },
} as const satisfies Record<string, ErrorRow>;
