/**
 * Error codes of formats, files, log and store.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const fileErrors = {
  FORMAT_TRUNCATED: {
    retryable: false,
    what: "stored data ends before its format does",
    kept: "nothing was changed",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  FORMAT_TRAILING: {
    retryable: false,
    what: "stored data goes on after its format ends",
    kept: "nothing was changed",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  FORMAT_RANGE: {
    retryable: false,
    what: "stored data holds a number outside its bounds",
    kept: "nothing was changed",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  FORMAT_VERSION: {
    retryable: false,
    what: "stored data has a version or reserved bits that are unknown here",
    kept: "nothing was changed",
    todo: "use the version of Strongroom that wrote it",
  },
  FILE_HEADER_DAMAGED: {
    retryable: false,
    what: "the header of a data file is damaged",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  FILE_FRAME_DAMAGED: {
    retryable: false,
    what: "a data file is damaged where it was durable once",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  FILE_MANIFEST_DAMAGED: {
    retryable: false,
    what: "the list of data files is damaged",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  FILE_MAC_MISMATCH: {
    retryable: false,
    what:
      "the list of data files, or the header of one, does not authenticate: it was edited or " +
      "mixed up",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  LOG_FILE_MISSING: {
    retryable: false,
    what: "a file of the log is missing",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  LOG_FILE_FOREIGN: {
    retryable: false,
    what: "a file of the log belongs to another place, group or cluster",
    kept: "no file was changed",
    todo: "put the files back under their own names, or restore the data directory from a backup",
  },
  LOG_FILE_UNKNOWN: {
    retryable: false,
    what: "a file that is not of the log lies in the log's directory",
    kept: "no file was changed",
    todo: "move the file out of the directory",
  },
  LOG_MANIFEST_MISSING: {
    retryable: false,
    what: "the log has files but not the list of them",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  LOG_MANIFEST_OLD: {
    retryable: false,
    what: "the list of the log's files is older than the files",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  LOG_ENTRIES_MISSING: {
    retryable: false,
    what: "entries that were durable are missing from the log",
    kept: "no file was changed",
    todo: "run `strongroom verify` and restore the data directory from a backup",
  },
  LOG_TRUNCATED: {
    retryable: false,
    what: "an entry was asked for that the log no longer holds",
    kept: "nothing was changed and later entries are there",
    todo: "start from a newer commit or take a copy from a peer",
  },
  LOG_ENTRY_SIZE: {
    retryable: false,
    what: "a log entry is empty or larger than the limit",
    kept: "nothing was written",
    todo: "send smaller commands or raise the limit of an entry",
  },
  LOG_BUSY: {
    retryable: true,
    what: "too many bytes wait to be written to the log",
    kept: "nothing of this entry was written",
    todo: "try again once earlier writes have been answered",
  },
  LOG_DISK_FULL: {
    retryable: true,
    what: "the disk is full: the log could not take the entry",
    kept: "everything acknowledged is durable and can be read, and this entry was not written",
    todo: "free space on the disk, then try again",
  },
  LOG_WRITE_FAILED: {
    retryable: false,
    what: "a durable write of the log failed: what follows the last durable entry is unknown",
    kept: "everything acknowledged before is durable and nothing more is accepted",
    todo: "check the disk, then restart",
  },
  LOG_CLOSED: {
    retryable: false,
    what: "the log is closed",
    kept: "everything acknowledged is durable",
    todo: "open the log again",
  },
  STORE_FILE_MISSING: {
    retryable: false,
    what: "a file that the store's manifest lists is not there",
    kept: "nothing was changed",
    todo: "put the file back from a backup of the same moment, or restore the whole directory",
  },
  STORE_FILE_UNKNOWN: {
    retryable: false,
    what: "the store's directory holds a file that its manifest does not explain",
    kept: "nothing was changed",
    todo: "remove copies that do not belong there, or restore the whole directory from a backup",
  },
  STORE_MANIFEST_MISSING: {
    retryable: false,
    what: "the store has files but no manifest",
    kept: "nothing was changed",
    todo: "restore the manifest together with the files of the same moment from a backup",
  },
  STORE_DAMAGED: {
    retryable: false,
    what: "a segment of the store is damaged in a part that had been durable",
    kept: "nothing was changed",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  STORE_FOREIGN: {
    retryable: false,
    what: "a file of the store belongs to another cluster, group or place",
    kept: "nothing was changed",
    todo: "restore the whole directory from one backup of this node",
  },
  STORE_CLEAR_REFUSED: {
    retryable: false,
    what: "the store holds clear data where only sealed data may be",
    kept: "nothing was changed and nothing of it was read",
    todo: "restore the directory from a backup: its files were exchanged",
  },
  STORE_RECORD_DAMAGED: {
    retryable: false,
    what: "a stored record is damaged and does not open",
    kept: "the damaged bytes were left as they are and nothing was returned",
    todo: "run `strongroom verify` and restore the damaged file from a backup",
  },
  STORE_KEY_COLLISION: {
    retryable: false,
    what: "two names share a physical key",
    kept: "neither was changed",
    todo: "keep the data directory as it is and report it: this does not happen by chance",
  },
  STORE_READ_FAILED: {
    retryable: true,
    what: "a stored record could not be read from the disk",
    kept: "nothing was changed and nothing was returned",
    todo: "check the disk and its file limits, then try again",
  },
  STORE_RECORD_SIZE: {
    retryable: false,
    what: "a record or a run is larger than the store takes",
    kept: "nothing was written",
    todo: "write smaller values",
  },
  STORE_DISK_FULL: {
    retryable: true,
    what: "the disk is full: the store cannot take more",
    kept: "everything acknowledged is kept in the log and reads go on",
    todo: "make room on the disk; writing goes on by itself",
  },
  STORE_WRITE_FAILED: {
    retryable: false,
    what: "the store could not write or sync a file: what is durable is unknown until a restart",
    kept: "everything acknowledged is in the log and will be replayed",
    todo: "check the disk, then restart the node",
  },
  STORE_CLOSED: {
    retryable: false,
    what: "the store is closed",
    kept: "everything flushed is durable",
    todo: "open it again",
  },
  STORE_CONTROL_UNSUPPORTED: {
    retryable: false,
    what: "this store cannot keep control records durably with the applied index",
    kept: "nothing was opened or changed",
    todo: "use the segment store",
  },
} as const satisfies Record<string, ErrorRow>;
