/**
 * Takes the records of a run that is durable into the index. A million keys do not fit into the
 * processor's caches: what this costs is waiting for memory. Records are placed in the order of the
 * index's shards, many at once by the addon, or one by one after their slots were touched together.
 * @module
 */
import type { Scheduler } from "../../base/ports.ts";
import { physicalAt } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { nativePlaceMany, type PlaceMany } from "../../platform/slots.ts";
import type { Books, Segment } from "./books.ts";
import { placeRow } from "./progress.ts";
import { shardBits, shardCount } from "./shard.ts";

/** Records placed before others get their turn: less than a millisecond. */
const manyRecords = 4096;
const singleRecords = 512;
/** Records whose slots are read together before they are changed one by one. */
const touchedRecords = 16;
/** Integers of a row of `PlaceMany`. */
const row = 5;

/** A run, and where its records stand. */
interface Placing {
  readonly segment: Segment;
  /** Its frames, from offset 0 on. */
  readonly buffer: Buffer;
  readonly places: Uint32Array;
  /** Where the body of each record stands in `buffer`. */
  readonly bodies: Uint32Array;
  /** Its records in the order of their shards. */
  readonly order: Uint32Array;
}

/**
 * @param buffer - The run as its writer has left it.
 * @param places - Of its frames, as `RunProgress.places` tells.
 */
export async function placeRun(
  books: Books,
  segment: Segment,
  buffer: Buffer,
  places: Uint32Array,
  scheduler: Scheduler,
  native: PlaceMany | null = nativePlaceMany,
): Promise<void> {
  const bodies = bodiesOf(segment, buffer, places);
  const placing = { segment, buffer, places, bodies, order: byShard(places) };
  const slice = native === null ? singleRecords : manyRecords;
  const rows = new Uint32Array(Math.min(slice, bodies.length) * row);
  for (let from = 0; from < bodies.length; from += slice) {
    if (from > 0) await scheduler.yieldNow();
    const end = Math.min(from + slice, bodies.length);
    if (native === null) placeEach(books, placing, from, end);
    else placeMany(books, placing, from, end, rows, native);
  }
}

function placeMany(
  books: Books,
  placing: Placing,
  from: number,
  end: number,
  rows: Uint32Array,
  native: PlaceMany,
): void {
  const { segment, buffer, places, bodies, order } = placing;
  const { index } = books;
  for (let n = from, at = 0; n < end; n++, at += row) {
    const record = order[n] as number;
    rows[at] = bodies[record] as number;
    rows[at + 1] = places[record * placeRow] as number;
    rows[at + 2] = places[record * placeRow + 1] as number;
    rows[at + 3] = 0;
  }
  const { words, capacity, generation } = index.shards;
  // Records of a keyspace that is gone are dead where they stand: that is not for the addon, which
  // only places keys that have a slot.
  if (!index.tally.sweeping)
    native(words, capacity, generation, buffer, segment.header.number, rows, end - from);
  for (let n = from, at = 0; n < end; n++, at += row) {
    const length = rows[at + 2] as number;
    const what = rows[at + 3] as number;
    if (what === 0) {
      books.placeRecord(segment, buffer, rows[at] as number, rows[at + 1] as number, length);
      continue;
    }
    books.placed(segment, length, rows[at + 4] as number, rows[at + 1] as number);
    index.count(rows[at] as number, what);
  }
}

function placeEach(books: Books, placing: Placing, from: number, end: number): void {
  const { segment, buffer, places, bodies, order } = placing;
  for (let n = from; n < end; n++) {
    if ((n - from) % touchedRecords === 0) touch(books, placing, n, end);
    const record = order[n] as number;
    const offset = places[record * placeRow] as number;
    const length = places[record * placeRow + 1] as number;
    books.placeRecord(segment, buffer, bodies[record] as number, offset, length);
  }
}

function touch(books: Books, { buffer, bodies, order }: Placing, from: number, end: number): void {
  const last = Math.min(from + touchedRecords, end);
  for (let n = from; n < last; n++)
    books.index.touch(buffer, (bodies[order[n] as number] as number) + physicalAt);
}

/** The writer leaves the frames of a sealed run in its memory as they stand in the segment. */
function bodiesOf(segment: Segment, buffer: Buffer, places: Uint32Array): Uint32Array {
  const bodies = new Uint32Array(places.length / placeRow);
  const sealed = segment.header.keyId !== 0;
  for (let record = 0, at = 0; record < bodies.length; record++) {
    const length = sealed ? (places[record * placeRow + 1] as number) : buffer.readUInt32BE(at);
    bodies[record] = at + frameHeaderBytes;
    at += frameHeaderBytes + length;
  }
  return bodies;
}

/** Records by the shards of their keys: one after the other these stay in the processor's cache. */
function byShard(places: Uint32Array): Uint32Array {
  const starts = new Uint32Array(shardCount + 1);
  for (let at = 0; at < places.length; at += placeRow) starts[shardOf(places, at) + 1]!++;
  for (let shard = 0; shard < shardCount; shard++) starts[shard + 1]! += starts[shard] as number;
  const order = new Uint32Array(places.length / placeRow);
  for (let record = 0; record < order.length; record++)
    order[starts[shardOf(places, record * placeRow)]!++] = record;
  return order;
}

const shardOf = (places: Uint32Array, at: number): number =>
  (places[at + 2] as number) >>> (32 - shardBits);
