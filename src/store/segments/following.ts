/**
 * The last step of a compaction, when the manifest lists the copies: the index and the control
 * records follow what was copied, and forget what was not. Commands ran meanwhile, so that every
 * record is looked up again.
 * @module
 */
import type { Scheduler } from "../../base/ports.ts";
import { keyspaceAt, physicalAt, readControl } from "../../entry/record.ts";
import { type FollowMany, nativeFollowMany } from "../../platform/slots.ts";
import type { Books, Segment } from "./books.ts";
import { type DecodedHint, hintEntryBytes, hintOffsetAt } from "./hint.ts";
import type { RecordIndex } from "./index.ts";

/** Index entries looked at before others get their turn: about a millisecond, by the addon less. */
export const singleRecords = 512;
export const manyRecords = 4096;
/** Entries whose slots are brought into the processor's cache together. */
const touched = 64;

export const fateDead = 0;
export const fateCopied = 1;
export const fateExpired = 2;
/** By the addon, which leaves the decision to `judge`. */
export const fateUndecided = 3;
/** The same fates, after the addon has let their slots follow. */
const fateDeadFollowed = 4;
const fateCopyFollowed = 5;

export interface Source {
  readonly segment: Segment;
  readonly hint: DecodedHint;
  /** By record: its fate, and where its copy lies. */
  readonly fates: Uint8Array;
  readonly copies: Uint32Array;
  readonly controlCopies: Map<number, { offset: number; length: number }>;
}

/** Look-ups of records in the order of their keys wait for memory together. */
export function touchRecords(index: RecordIndex, { hint }: Source, record: number): void {
  if (record % touched > 0) return;
  index.touchMany(hint.entries, record * hintEntryBytes + physicalAt, hintEntryBytes, touched);
}

/**
 * The index and the control records follow the records to their new places.
 * @param output - Number of the segment that they were copied to; 0: none was.
 */
export async function follow(
  books: Books,
  source: Source,
  output: number,
  scheduler: Scheduler,
  native: FollowMany | null = nativeFollowMany,
): Promise<void> {
  const { records } = source.hint;
  const slice = native === null ? singleRecords : manyRecords;
  for (let from = 0; from < records; from += slice) {
    if (from > 0) await scheduler.yieldNow();
    const end = Math.min(from + slice, records);
    if (native !== null) followMany(books.index, source, output, from, end, native);
    followRest(books, source, output, from, end, native === null);
  }
  followControls(books, source, output);
}

function followMany(
  index: RecordIndex,
  source: Source,
  output: number,
  from: number,
  end: number,
  native: FollowMany,
): void {
  const { words, capacity, generation } = index.shards;
  const { entries } = source.hint;
  const order = Uint32Array.of(source.segment.header.number, output, from, end);
  native(words, capacity, generation, entries, source.fates, source.copies, order);
}

/** Those that did not follow yet, and the counts of those that did. */
function followRest(
  books: Books,
  source: Source,
  output: number,
  from: number,
  end: number,
  all: boolean,
): void {
  const { fates, hint } = source;
  const { tally } = books.index;
  for (let record = from; record < end; record++) {
    if (all) touchRecords(books.index, source, record);
    const fate = fates[record];
    if (fate === fateCopyFollowed) continue;
    const at = record * hintEntryBytes;
    if (fate === fateDeadFollowed) tally.of(hint.entries.readUInt32BE(at + keyspaceAt)).records--;
    else followRecord(books, source, output, record);
  }
}

function followRecord(books: Books, source: Source, output: number, record: number): void {
  const { index } = books;
  const { entries } = source.hint;
  const at = record * hintEntryBytes;
  const copied = source.fates[record] !== fateDead;
  const length = source.copies[record * 2 + 1] as number;
  if (!copied) index.tally.of(entries.readUInt32BE(at + keyspaceAt)).records--;
  if (!index.find(entries, at + physicalAt)) {
    if (copied) books.died(output, length);
    return;
  }
  const offset = entries.readUInt32BE(at + hintOffsetAt);
  if (index.isAt(source.segment.header.number, offset)) {
    if (!copied) {
      forget(books);
      return;
    }
    const expired = source.fates[record] === fateExpired;
    index.move(output, source.copies[record * 2] as number, length, expired);
    if (index.droppable) books.died(output, length);
  } else if (copied) {
    books.died(output, length);
  } else if (index.copies > 0 && index.dropCopy()) {
    books.died(index.segment, index.length);
  }
}

/** The slot's record went and nothing older is there; of a dropped keyspace older ones may be. */
function forget({ index }: Books): void {
  if (index.tally.dropped.has(index.keyspace)) index.evict();
  else index.forget();
}

function followControls(books: Books, source: Source, output: number): void {
  const { controls } = books;
  for (const [place, { offset, length, body }] of source.hint.controls.entries()) {
    const record = readControl(body, 0, length);
    const slot = controls.find(record);
    const copy = source.controlCopies.get(place);
    if (slot === undefined) continue;
    controls.left(slot, source.segment.header.number, copy === undefined ? 0 : output);
    const current = slot.segment === source.segment.header.number && slot.offset === offset;
    if (current && copy !== undefined) Object.assign(slot, { segment: output, ...copy });
    else if (current) controls.forget(record);
    else if (copy !== undefined) books.died(output, copy.length);
    else slot.copies--;
  }
}
