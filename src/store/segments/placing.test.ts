// Goal: records placed many at once by the addon leave index and books as records placed one by
// one do. Method: runs of random puts, tombstones and control records, keys met again and again
// (also within a run), with and without expiry, between marks and drops of keyspaces.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Scheduler } from "../../base/ports.ts";
import { kindControl, physicalAt } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { loadNative } from "../../platform/native.ts";
import { nativePlaceMany } from "../../platform/slots.ts";
import { Books, type Segment } from "./books.ts";
import { placeRun } from "./placing.ts";
import { SegmentRun } from "./run.ts";
import { slotRoot } from "./shard.ts";

/**
 * In eight shards, so that these grow again and again. The first one stands at the beginning of
 * its shard, wherever that is.
 */
const keys = Array.from({ length: 300 }, (_, i) => {
  if (i === 0) return Buffer.alloc(16);
  const key = createHash("sha256").update(String(i)).digest().subarray(0, 16);
  key[0] = i % 2 === 0 ? 0 : 0xff;
  return key;
});
const keyspaceOf = (key: number): number => 7 + (key % 2);

const record = fc.record({
  key: fc.nat(keys.length - 1),
  kind: fc.constantFrom("put", "put", "put", "tombstone", "control"),
  root: fc.boolean(),
  expireAt: fc.constantFrom(0, 0, 1, 1000, 1001, 2 ** 32 * 1000 - 1, 2 ** 32 * 1000, 2 ** 52),
  bytes: fc.nat(40),
});
type Drawn = typeof record extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  records: fc.array(record, { maxLength: 200 }),
  marked: fc.array(fc.tuple(fc.nat(keys.length - 1), fc.boolean()), { maxLength: 20 }),
  dropped: fc.boolean(),
});

function build(records: readonly Drawn[]): { buffer: Buffer; places: Uint32Array } {
  const run = new SegmentRun((bytes) => Buffer.alloc(bytes), 4096);
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

function segment(number: number): Segment {
  const header = { number, keyId: 5 } as Segment["header"];
  const counts = { length: 0, records: 0, recordBytes: 0, deadBytes: 0 };
  const rest = { closed: false, lastMac: Buffer.alloc(0), damage: null, leaving: false };
  return { header, headerMac: Buffer.alloc(0), path: "", ...counts, ...rest };
}

const scheduler = { yieldNow: async () => {} } as unknown as Scheduler;

const seen = ({ index, segments, nextSequence }: Books) => ({
  words: index.shards.words.map((words) => Array.from(words)),
  total: index.shards.total,
  expiring: index.expiring,
  counts: [7, 8].map((keyspace) => ({ ...index.tally.of(keyspace) })),
  segments: [...segments.values()],
  nextSequence,
});

/** The books after every step. */
async function play(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  native: typeof nativePlaceMany,
) {
  const books = new Books(false);
  for (const [n, { records, marked, dropped }] of steps.entries()) {
    const one = segment(n + 1);
    books.segments.set(n + 1, one);
    for (const [key, exists] of marked) books.index.mark(keys[key]!, 0, keyspaceOf(key), exists);
    if (dropped && n === 3) books.dropKeyspace(8);
    const { buffer, places } = build(records);
    await placeRun(books, one, buffer, places, scheduler, native);
    books.index.shards.check();
  }
  return seen(books);
}

if (nativePlaceMany !== null) {
  test("placing: many at once leaves what one by one leaves", async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => {
        expect(await play(drawn, nativePlaceMany)).toEqual(await play(drawn, null));
      }),
      { numRuns: 60 },
    );
  });

  test("placing: a shard that has moved is found where it is now", async () => {
    const books = new Books(false);
    const { index } = books;
    const all = Buffer.concat(keys);
    const put = { key: 0, kind: "put", root: true, expireAt: 0, bytes: 8 } as const;
    index.place(all, 0, 1, 4096, 8, keyspaceOf(0), slotRoot, 0, 0);
    for (let number = 1; number < 150; number++) {
      books.segments.set(number, segment(number));
      index.place(all, number * 32, number, 4096, 8, keyspaceOf(0), slotRoot, 0, number);
      const { buffer, places } = build([put]);
      await placeRun(books, segment(number), buffer, places, scheduler);
      expect(index.find(all, 0)).toBe(true);
      expect(index.segment).toBe(number);
    }
    index.shards.check();
  });

  test("placing: what leaves the run, the table or the shards is refused, not touched", () => {
    const { placeMany } = loadNative()!;
    const { shards } = new Books(false).index;
    const { buffer } = build([{ key: 1, kind: "put", root: true, expireAt: 0, bytes: 8 }]);
    const { words, capacity, generation } = shards;
    const place = (body: number, count: number) => {
      const rows = Uint32Array.of(body, 0, 8, 0, 0);
      placeMany(words, capacity, generation, buffer, 1, rows, count);
    };
    place(frameHeaderBytes, 1);
    expect(() => place(buffer.length - 45, 1)).toThrow(RangeError);
    expect(() => place(0xffff_ffff, 1)).toThrow(RangeError);
    expect(() => place(frameHeaderBytes, 2)).toThrow(RangeError);
    const row = new Uint32Array(5);
    expect(() => placeMany(words, new Uint32Array(1023), generation, buffer, 1, row, 1)).toThrow(
      RangeError,
    );
    row[0] = frameHeaderBytes;
    expect(() => placeMany([], capacity, -1, buffer, 1, row, 1)).toThrow(TypeError);
    expect(() => loadNative()!.touchMany([], capacity, -2, buffer, 0, 16, 1)).toThrow(TypeError);
    // A capacity that the shard does not have: the walk ends with the array.
    const wrong = new Uint32Array(1024).fill(0xffff_ffff);
    const rows = Uint32Array.of(frameHeaderBytes, 0, 8, 9, 9);
    placeMany(words, wrong, generation, buffer, 1, rows, 1);
    expect(rows[3]).toBe(0);
  });
}

test("placing: to touch slots, there or not, changes nothing and finds the end of the keys", () => {
  const { index } = new Books(false);
  const all = Buffer.concat(keys);
  for (let key = 0; key < 200; key++)
    index.place(all, key * 16, 1, key, 8, keyspaceOf(key), slotRoot, 0, key);
  const before = index.shards.words.map((words) => Array.from(words));
  for (const [at, stride, count] of [
    [0, 16, 300],
    [0, 16, 0],
    [1, 7, 4000],
    [all.length - 15, 16, 1],
    [all.length, 16, 64],
  ] as const)
    index.touchMany(all, at, stride, count);
  expect(index.shards.words.map((words) => Array.from(words))).toEqual(before);
});
