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
} as const satisfies Record<string, ErrorRow>;
