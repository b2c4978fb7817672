/**
 * What the machine meets outside: who gets the replies of a batch, and who applies control entries.
 * @module
 */
import type { EntryHeader } from "../entry/logentry.ts";
import type { Reply } from "../resp/reply.ts";

/**
 * Receives the replies of a batch. The proposer's sink also runs, at the same place in the order,
 * the reads that its clients sent between their writes; everybody else's discards.
 */
export interface BatchSink {
  /** How many of the next `max` commands may be applied before any of them is answered. */
  together(ordinal: number, max: number): number;
  /** So many SETs were applied from `ordinal` on: each is answered with OK. */
  wereSet(ordinal: number, count: number): void;
  /** Command `ordinal` runs next; its reply goes to what this returns. */
  before(ordinal: number): Reply;
  /** Transaction `ordinal` begins; `kept` is false if a watched key has changed. */
  beginTransaction(ordinal: number, kept: boolean): void;
  /** Command `place` of the transaction runs next. */
  inner(ordinal: number, place: number): Reply;
  endTransaction(ordinal: number): void;
}

/** Applies opcodes 0x03 to 0x05. Sans-IO: what must become durable is the implementer's to say. */
export interface ControlApplier {
  applyControl(index: number, header: EntryHeader, code: number, body: Buffer): void;
}
