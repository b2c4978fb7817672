// Goal: loading hints together leaves the same index as placing their records one by one.
// Method: random records of few keys in several segments, in any order; every word compared.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { putSafe64, putU32 } from "../../base/bytes.ts";
import { kindPut, kindTombstone, sequenceAt, writeRecordHeader } from "../../entry/record.ts";
import { hintEntryBytes, hintLengthAt, hintOffsetAt } from "./hint.ts";
import { expirySeconds, RecordIndex } from "./index.ts";
import { loadRecords, SegmentRecords } from "./loading.ts";
import { slotRoot, slotTombstone } from "./shard.ts";

/** Keys in a few shards, some of them alike up to their last word. */
const keys = Array.from({ length: 60 }, (_, n) => {
  const key = createHash("sha256")
    .update(String(n >> 1))
    .digest()
    .subarray(0, 16);
  key[0] = n % 3;
  if (n % 2 === 1) key.writeUInt32BE(n, 12);
  return key;
});

const record = fc.record({
  key: fc.nat(keys.length - 1),
  tombstone: fc.boolean(),
  root: fc.boolean(),
  expireAt: fc.constantFrom(0, 0, 5000, 7_000_000_000_000),
  length: fc.integer({ min: 1, max: 9999 }),
});
type Shape = typeof record extends fc.Arbitrary<infer T> ? T : never;

const keyspaceOf = (key: number): number => 7 + (key % 2);

interface Placed extends Shape {
  readonly sequence: number;
  readonly offset: number;
}

function entriesOf(records: readonly Placed[]): Buffer {
  const entries = Buffer.alloc(records.length * hintEntryBytes);
  for (const [
    n,
    { key, tombstone, root, expireAt, length, sequence, offset },
  ] of records.entries()) {
    const at = n * hintEntryBytes;
    const kind = tombstone ? kindTombstone : kindPut;
    const physical = keys[key] as Buffer;
    writeRecordHeader(entries, at, kind, physical, 0, root, keyspaceOf(key), expireAt, 0n);
    putSafe64(entries, sequence, at + sequenceAt);
    putU32(entries, offset, at + hintOffsetAt);
    putU32(entries, length, at + hintLengthAt);
  }
  return entries;
}

/** What became dead, by segment: how often and how many bytes. */
class Deaths {
  readonly of = new Map<number, [number, number]>();
  add(segment: number, length: number): void {
    const [count, bytes] = this.of.get(segment) ?? [0, 0];
    this.of.set(segment, [count + 1, bytes + length]);
  }
}

function oneByOne(segments: readonly (readonly Placed[])[], deaths: Deaths): RecordIndex {
  const index = new RecordIndex(true);
  for (const [n, records] of segments.entries())
    for (const { key, tombstone, root, expireAt, length, sequence, offset } of records) {
      const flags = (root ? slotRoot : 0) | (tombstone ? slotTombstone : 0);
      const seconds = expirySeconds(expireAt);
      const physical = keys[key] as Buffer;
      index.place(physical, 0, n + 1, offset, length, keyspaceOf(key), flags, seconds, sequence);
      if (index.dead.segment !== 0) deaths.add(index.dead.segment, index.dead.length);
    }
  return index;
}

const seen = (index: RecordIndex) => ({
  words: index.shards.words.map((words) => Array.from(words)),
  total: index.shards.total,
  expiring: index.expiring,
  counts: [7, 8].map((keyspace) => ({ ...index.tally.of(keyspace) })),
});

test("loading: equals placing the records one by one, in any order of records", () => {
  const shape = fc.array(fc.array(record, { maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(shape, fc.boolean(), fc.nat(), (drawn, sorted, seed) => {
      const count = drawn.flat().length;
      let next = 0;
      const segments = drawn.map((records) => {
        // Any order of sequences, none twice.
        const placed = records.map((one) => {
          const sequence = 2 ** 33 + ((next * 7919 + seed) % (count * 7919 + 1)) * 1000 + next;
          return { ...one, sequence, offset: 4096 + next++ };
        });
        const byKey = (a: Placed, b: Placed) =>
          Buffer.compare(keys[a.key] as Buffer, keys[b.key] as Buffer);
        return sorted ? placed.sort(byKey) : placed;
      });
      const [wanted, deaths] = [new Deaths(), new Deaths()];
      const index = new RecordIndex(true);
      const all = segments.map((records, n) => new SegmentRecords(entriesOf(records), n + 1));
      loadRecords(index, all, (segment, length) => deaths.add(segment, length));
      index.shards.check();
      const other = oneByOne(segments, wanted);
      expect(seen(index)).toEqual(seen(other));
      expect([...deaths.of].sort()).toEqual([...wanted.of].sort());
      const greatest = segments.map((r) => Math.max(0, ...r.map(({ sequence }) => sequence)));
      expect(all.map(({ sequence }) => sequence)).toEqual(greatest);
      expect(all.every(({ at, entries }) => at === entries.length)).toBe(true);
    }),
    { numRuns: 80 },
  );
});
