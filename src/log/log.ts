/**
 * A replicated log: the one order of all writes of a group. An engine gives every entry an index
 * and keeps it durably; who may write what is judged by the state machine, not here.
 * @module
 */
import type { LogIndex } from "../base/brand.ts";

/** Runs once, in the order of the appends. With an error there is no index: it is 0. */
export type AppendDone = (error: Error | null, index: LogIndex) => void;

export interface LogEntry {
  readonly index: LogIndex;
  /** Valid until the next step of the iteration. */
  readonly entry: Buffer;
}

export interface ReplicatedLog {
  /** Index of the oldest entry that is kept; `last + 1` when there is none. 1 for a new log. */
  readonly first: LogIndex;
  /** Index of the newest durable entry, 0 for a new log. It survives truncation and restarts. */
  readonly last: LogIndex;
  /** Bytes that the kept entries take where the log lives. */
  readonly bytes: number;
  /**
   * Begins writing: whatever the engine found at the end is made durable and, from here on, files
   * may change. Before it (and before the first append or truncate, which call it) the log only
   * reads. Call it once everything has been judged good and before found entries are acted upon.
   * @throws LOG_DISK_FULL (then it may be called again), LOG_WRITE_FAILED.
   */
  start(): Promise<void>;
  /**
   * Entries get contiguous indexes in call order. `done` runs once the entry is durable, never
   * before `append` returns on the embedded engine and always in order. Errors go to `done`:
   * LOG_BUSY, LOG_ENTRY_SIZE, LOG_DISK_FULL, LOG_WRITE_FAILED, LOG_CLOSED; when one entry fails so
   * do all that were appended behind it and not yet answered. The entry is copied, unless it comes
   * from `allocate`.
   */
  append(entry: Uint8Array, done: AppendDone): void;
  /**
   * A buffer of `bytes` bytes for one entry. Appending a view of it from its start is written
   * without a copy; the buffer then belongs to the log. What is never appended is collected.
   */
  allocate?(bytes: number): Buffer;
  /**
   * Entries from..to (default: the last durable one at the first step), in order, without gaps.
   * @throws LOG_TRUNCATED if `from` is below `first`; FILE_FRAME_DAMAGED.
   */
  read(from: LogIndex, to?: LogIndex): Generator<LogEntry>;
  /** Index of the newest entry acknowledged by anybody when the call was made: linearizable. */
  readIndex(): Promise<LogIndex>;
  /** Entries below `before` may go. Those in one file with later ones stay as long as these. */
  truncate(before: LogIndex): Promise<void>;
  /** Waits for what was appended, then ends cleanly. */
  close(): Promise<void>;
}
