/**
 * Takes the records of a run that is durable into the index. A million keys do not fit into the
 * processor's caches: what this costs is waiting for memory, so records are placed many at once by
 * the addon, or one by one in the order of the index after their slots were touched together.
 * @module
 */
import type { Scheduler } from "../../base/ports.ts";
import { kindControl, physicalAt } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { nativePlaceMany, type PlaceMany } from "../../platform/slots.ts";
import type { Books, Segment } from "./books.ts";

/** Records placed at once, before others get their turn: less than a millisecond each. */
const manyRecords = 4096;
const singleRecords = 512;
/** Records whose places in the index are read together before they are changed one by one. */
const touchedRecords = 16;
/** Integers of a row of `PlaceMany`. */
const row = 5;

/**
 * @param buffer - The run, sealed: its frames from offset 0 on.
 * @param places - Offset in the segment and body length of each frame, in order.
 */
export async function placeRun(
  books: Books,
  segment: Segment,
  buffer: Buffer,
  places: Uint32Array,
  scheduler: Scheduler,
  native: PlaceMany | null = nativePlaceMany,
): Promise<void> {
  // The frames of a clear segment were written elsewhere: in the run they still have other lengths.
  if (native === null || segment.header.keyId === 0) {
    await placeEach(books, segment, buffer, places, scheduler);
    return;
  }
  const records = places.length / 2;
  const rows = new Uint32Array(Math.min(manyRecords, records) * row);
  let body = frameHeaderBytes;
  for (let from = 0; from < records; from += manyRecords) {
    if (from > 0) await scheduler.yieldNow();
    const count = Math.min(manyRecords, records - from);
    for (let n = 0; n < count; n++) {
      const place = (from + n) * 2;
      rows[n * row] = body;
      rows[n * row + 1] = places[place] as number;
      rows[n * row + 2] = places[place + 1] as number;
      body += (places[place + 1] as number) + frameHeaderBytes;
    }
    placeMany(books, segment, buffer, rows, count, native);
  }
}

function placeMany(
  books: Books,
  segment: Segment,
  buffer: Buffer,
  rows: Uint32Array,
  count: number,
  native: PlaceMany,
): void {
  const { index } = books;
  const { words, capacity } = index.shards;
  // Records of a keyspace that is gone are dead where they stand; that is not for the addon.
  if (index.tally.dropped.size > 0) clearRows(rows, count);
  else native(words, capacity, buffer, segment.header.number, rows, count);
  for (let at = 0; at < count * row; at += row) {
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

function clearRows(rows: Uint32Array, count: number): void {
  for (let at = 0; at < count * row; at += row) rows[at + 3] = 0;
}

async function placeEach(
  books: Books,
  segment: Segment,
  buffer: Buffer,
  places: Uint32Array,
  scheduler: Scheduler,
): Promise<void> {
  const { bodies, order } = byShard(buffer, places.length / 2);
  for (let n = 0, left = singleRecords; n < order.length; n++) {
    if (n % touchedRecords === 0) touch(books, buffer, bodies, order, n);
    const at = order[n] as number;
    const offset = places[at * 2] as number;
    const length = places[at * 2 + 1] as number;
    books.placeRecord(segment, buffer, bodies[at] as number, offset, length);
    if (--left > 0) continue;
    left = singleRecords;
    await scheduler.yieldNow();
  }
}

function touch(
  books: Books,
  buffer: Buffer,
  bodies: Uint32Array,
  order: Uint32Array,
  from: number,
) {
  const end = Math.min(from + touchedRecords, order.length);
  for (let n = from; n < end; n++)
    books.index.touch(buffer, (bodies[order[n] as number] as number) + physicalAt);
}

/**
 * Where the records of a run begin in its memory, and their rows in the order of their keys' first
 * byte. Shards of the index hold ranges of keys: one after the other they stay in the processor's
 * cache.
 */
function byShard(buffer: Buffer, rows: number): { bodies: Uint32Array; order: Uint32Array } {
  const bodies = new Uint32Array(rows);
  const shardOf = new Uint8Array(rows);
  const starts = new Uint32Array(257);
  for (let row = 0, at = 0; row < rows; row++) {
    const body = at + frameHeaderBytes;
    const shard = buffer[body] === kindControl ? 0 : (buffer[body + physicalAt] as number);
    bodies[row] = body;
    shardOf[row] = shard;
    starts[shard + 1] = (starts[shard + 1] as number) + 1;
    at = body + buffer.readUInt32BE(at);
  }
  for (let shard = 0; shard < 256; shard++)
    starts[shard + 1] = (starts[shard + 1] as number) + (starts[shard] as number);
  const order = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    const shard = shardOf[row] as number;
    order[starts[shard] as number] = row;
    starts[shard] = (starts[shard] as number) + 1;
  }
  return { bodies, order };
}
