// Goal: the table finds exactly what was inserted and not removed, whatever the hashes are; keys,
// values and fields survive growth, resizing and compaction.
// Method: random operations against a Map, with hashes that all collide, collide in groups, or wrap
// around the end of a shard.
import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError } from "../base/assert.ts";
import { Entries, flag, physicalBytes } from "./entries.ts";

interface Known {
  readonly id: number;
  readonly value: Buffer;
}

type HashOf = (key: string) => number;

class Model {
  readonly entries = new Entries(1);
  readonly known = new Map<string, Known>();
  private readonly hashOf: HashOf;

  constructor(hashOf: HashOf) {
    this.hashOf = hashOf;
  }

  private find(key: string, keyspace: number): number {
    const bytes = Buffer.from(`<${key}>`);
    return this.entries.find(this.hashOf(key), keyspace, bytes, 1, bytes.length - 1);
  }

  put(key: string, keyspace: number, value: Buffer): void {
    const name = `${keyspace} ${key}`;
    const old = this.known.get(name);
    const bytes = Buffer.from(`<${key}>`);
    const { entries } = this;
    let id = old?.id ?? 0;
    if (old === undefined) {
      const hash = this.hashOf(key);
      id = entries.insert(hash, keyspace, bytes, 1, bytes.length - 1, value.length);
      expect(entries.flags(id)).toBe(0);
      entries.setFlags(id, 1);
      entries.buffer(id).fill(id & 0xff, entries.physicalAt(id), entries.keyAt(id));
    } else entries.resize(id, value.length);
    if (old !== undefined) {
      const same = Math.min(old.value.length, value.length);
      expect(this.valueOf(id).compare(old.value, 0, same, 0, same)).toBe(0);
    }
    value.copy(entries.buffer(id), entries.valueAt(id));
    this.known.set(name, { id, value });
  }

  remove(key: string, keyspace: number): void {
    const name = `${keyspace} ${key}`;
    const old = this.known.get(name);
    if (old === undefined) return;
    this.entries.remove(old.id);
    this.known.delete(name);
  }

  private valueOf(id: number): Buffer {
    const at = this.entries.valueAt(id);
    return this.entries.buffer(id).subarray(at, at + this.entries.valueLength(id));
  }

  check(keys: readonly string[], keyspaces: readonly number[]): void {
    const { entries } = this;
    expect(entries.count).toBe(this.known.size);
    for (const keyspace of keyspaces)
      for (const key of keys) {
        const known = this.known.get(`${keyspace} ${key}`);
        expect(this.find(key, keyspace)).toBe(known?.id ?? 0);
        if (known === undefined) continue;
        expect(this.valueOf(known.id).equals(known.value)).toBe(true);
        const at = entries.keyAt(known.id);
        expect(entries.buffer(known.id).toString("utf8", at, at + key.length)).toBe(key);
        const physical = entries.buffer(known.id).subarray(at - physicalBytes, at);
        expect(physical.every((byte) => byte === (known.id & 0xff))).toBe(true);
      }
  }
}

const lengthOf = (key: string): number => key.length;
/** Shard 0, home at the last slot of a shard of 256: everything wraps around. */
const lastSlot: HashOf = () => 255 << 6;
const grouped: HashOf = (key) => ((250 + (lengthOf(key) % 9)) << 6) | (key.charCodeAt(0) & 1);

test.each<[string, HashOf]>([
  ["all equal", () => -1],
  ["equal and at the end of the shard", lastSlot],
  ["in a few neighbouring groups", grouped],
])("entries: the table equals a Map while hashes are %s", (_name, hashOf) => {
  const keys = Array.from({ length: 24 }, (_, n) => "abcdefgh".repeat(n * n).slice(0, n * 4) + n);
  const step = fc.record({
    key: fc.constantFrom(...keys),
    keyspace: fc.constantFrom(1, 2),
    bytes: fc.oneof(fc.nat(64), fc.nat(3000)),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const model = new Model(hashOf);
      steps.forEach(({ key, keyspace, bytes, remove }, n) => {
        if (remove) model.remove(key, keyspace);
        else model.put(key, keyspace, Buffer.alloc(bytes, n));
      });
      model.check(keys, [1, 2]);
    }),
    { numRuns: 60 },
  );
});

test("entries: growth of lines and shards keeps every entry and its fields", () => {
  const entries = new Entries(99);
  const ids = new Map<string, number>();
  for (let n = 0; n < 40_000; n++) {
    const key = Buffer.from(`key:${n}`);
    const id = entries.insert(entries.hashOf(7, key, 0, key.length), 7, key, 0, key.length, 4);
    entries.setFlags(id, 1);
    entries.setExpireAt(id, n * 1e9);
    entries.setModified(id, n + 2 ** 40, 0xffff_ffff - n);
    entries.buffer(id).writeUInt32BE(n, entries.valueAt(id));
    ids.set(key.toString(), id);
    if (n % 3 === 0) {
      entries.remove(id);
      ids.delete(key.toString());
    }
  }
  expect(entries.count).toBe(ids.size);
  for (let n = 0; n < 40_000; n++) {
    const key = Buffer.from(`key:${n}`);
    const id = entries.find(entries.hashOf(7, key, 0, key.length), 7, key, 0, key.length);
    const fields = [id];
    if (id !== 0) {
      fields.push(entries.buffer(id).readUInt32BE(entries.valueAt(id)));
      fields.push(entries.expireAt(id), entries.index(id), entries.ordinal(id));
    }
    const known = ids.get(key.toString());
    const wanted = known === undefined ? [0] : [known, n, n * 1e9, n + 2 ** 40, 0xffff_ffff - n];
    if (fields.join() !== wanted.join()) expect(fields).toEqual(wanted);
  }
});

test("entries: an entry that takes a freed number begins without the old one's fields", () => {
  const entries = new Entries(1);
  const old = entries.insert(5, 1, Buffer.from("old"), 0, 3, 10);
  entries.setFlags(old, 1);
  entries.setExpireAt(old, 77);
  entries.setAccess(old, 99);
  entries.remove(old);
  const id = entries.insert(6, 2, Buffer.from("new"), 0, 3, 0);
  expect(id).toBe(old);
  expect(entries.flags(id)).toBe(0);
  expect(entries.expireAt(id)).toBe(0);
  expect(entries.access(id)).toBe(0);
  expect(entries.keyspace(id)).toBe(2);
  expect(entries.valueLength(id)).toBe(0);
});

test("entries: what is pinned cannot be removed", () => {
  for (const pin of [flag.dirty, flag.frozen, flag.flying]) {
    const entries = new Entries(1);
    const id = entries.insert(5, 1, Buffer.from("k"), 0, 1, 1);
    entries.setFlags(id, 1 | pin);
    expect(() => entries.remove(id)).toThrow(AssertionError);
    expect(entries.find(5, 1, Buffer.from("k"), 0, 1)).toBe(id);
  }
});

test("entries: compaction gives memory back and loses no byte", () => {
  const entries = new Entries(3);
  const live = new Map<number, Buffer>();
  const ids: number[] = [];
  for (let n = 0; n < 30_000; n++) {
    const key = Buffer.from(`key:${n}`);
    const id = entries.insert(entries.hashOf(1, key, 0, key.length), 1, key, 0, key.length, 1500);
    entries.setFlags(id, 1);
    const value = Buffer.alloc(1500, n);
    value.writeUInt32BE(n);
    value.copy(entries.buffer(id), entries.valueAt(id));
    live.set(id, value);
    ids.push(id);
  }
  ids.forEach((id, n) => {
    if (n % 10 === 0) return;
    entries.remove(id);
    live.delete(id);
  });
  const before = entries.arena.bytes;
  entries.compact();
  expect(entries.arena.bytes).toBeLessThan(before / 4);
  expect(entries.arena.bytes).toBeLessThan(entries.arena.liveBytes * 1.25 + (16 << 20));
  for (const [id, value] of live) {
    const at = entries.valueAt(id);
    expect(
      entries
        .buffer(id)
        .subarray(at, at + 1500)
        .equals(value),
    ).toBe(true);
    const key = Buffer.from(`key:${value.readUInt32BE()}`);
    expect(entries.find(entries.hashOf(1, key, 0, key.length), 1, key, 0, key.length)).toBe(id);
  }
});

test("entries: a value that grows by appending is moved rarely, and shrinks again", () => {
  const entries = new Entries(1);
  const id = entries.insert(5, 1, Buffer.from("k"), 0, 1, 200_000);
  let moves = 0;
  for (let length = 200_000; length < 2_000_000; length += 1000) {
    const before = entries.buffer(id);
    entries.resize(id, length);
    if (entries.buffer(id) !== before) moves++;
  }
  expect(moves).toBeLessThan(20);
  entries.resize(id, 100);
  expect(entries.arena.liveBytes).toBeLessThan(200);
});
