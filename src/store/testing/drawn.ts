/**
 * Runs of random records over few keys, and all that an index and its books hold, to compare ways
 * of changing them.
 * @module
 */
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { Scheduler } from "../../base/ports.ts";
import { kindControl, physicalAt } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import type { Books, Segment } from "../segments/books.ts";
import { ownMemory, SegmentRun } from "../segments/run.ts";

/**
 * In eight shards, so that these grow again and again. The first one stands at the beginning of
 * its shard, wherever that is.
 */
export const keys = Array.from({ length: 300 }, (_, i) => {
  if (i === 0) return Buffer.alloc(16);
  const key = createHash("sha256").update(String(i)).digest().subarray(0, 16);
  key[0] = i % 2 === 0 ? 0 : 0xff;
  return key;
});
export const keyspaceOf = (key: number): number => 7 + (key % 2);

const recordOf = (keyCount: number) =>
  fc.record({
    key: fc.nat(keyCount - 1),
    kind: fc.constantFrom("put", "put", "put", "tombstone", "control"),
    root: fc.boolean(),
    expireAt: fc.constantFrom(0, 0, 1, 1000, 1001, 2 ** 32 * 1000 - 1, 2 ** 32 * 1000, 2 ** 52),
    bytes: fc.nat(40),
  });
export type Drawn = ReturnType<typeof recordOf> extends fc.Arbitrary<infer T> ? T : never;

/** A run over the first `keyCount` keys, and what is marked or dropped before it. */
export const stepOf = (keyCount: number) =>
  fc.record({
    records: fc.array(recordOf(keyCount), { maxLength: 200 }),
    marked: fc.array(fc.tuple(fc.nat(keyCount - 1), fc.boolean()), { maxLength: 20 }),
    dropped: fc.boolean(),
  });
export type Step = ReturnType<typeof stepOf> extends fc.Arbitrary<infer T> ? T : never;

/** @returns The memory of a run that begins at 4096, and places as its writer tells them. */
export function build(records: readonly Drawn[]): { buffer: Buffer; places: Uint32Array } {
  const run = new SegmentRun(ownMemory, 4096);
  for (const { key, kind, root, expireAt, bytes } of records) {
    const physical = keys[key]!;
    if (kind === "put") run.put(physical, 0, root, keyspaceOf(key), expireAt, 1n, bytes);
    else if (kind === "tombstone") run.tombstone(physical, 0, root, keyspaceOf(key), 1n);
    else run.control(1, false, physical, Buffer.alloc(bytes));
  }
  const places: number[] = [];
  for (let at = 0; at < run.bytes; ) {
    const length = run.buffer.readUInt32BE(at);
    const body = at + frameHeaderBytes;
    const keyed = run.buffer[body] !== kindControl;
    places.push(4096 + at, length, keyed ? run.buffer.readUInt32BE(body + physicalAt) : 0);
    at += frameHeaderBytes + length;
  }
  return { buffer: run.buffer, places: Uint32Array.from(places) };
}

export function segment(number: number): Segment {
  const header = { number, keyId: 5 } as Segment["header"];
  const counts = { length: 0, records: 0, recordBytes: 0, deadBytes: 0 };
  const rest = { closed: false, lastMac: Buffer.alloc(0), damage: null, leaving: false };
  return { header, headerMac: Buffer.alloc(0), path: "", ...counts, ...rest };
}

export const scheduler = { yieldNow: async () => {} } as unknown as Scheduler;

/** Everything, in a form that can be compared. */
export const seen = ({ index, segments, nextSequence }: Books) => ({
  words: index.shards.words.map((words) => Array.from(words)),
  total: index.shards.total,
  expiring: index.expiring,
  counts: [7, 8].map((keyspace) => ({ ...index.tally.of(keyspace) })),
  segments: [...segments.values()],
  nextSequence,
});
