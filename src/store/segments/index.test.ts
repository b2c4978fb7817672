// Goal: the index is a map from keys to newest places, whatever the order of changes.
// Method: random changes against a plain Map; the slots' invariants are proved after each run.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expirySeconds, RecordIndex } from "./index.ts";
import { slotRoot, slotTombstone } from "./shard.ts";
import { randomRoot, Sweep, scanRoots } from "./walk.ts";

const keys = Array.from({ length: 400 }, (_, i) =>
  createHash("sha256").update(String(i)).digest().subarray(0, 16),
);

function put(index: RecordIndex, key: Buffer, place: number, flags: number, sequence = place) {
  index.place(key, 0, 1, place, 10, 7, slotRoot | flags, 0, sequence);
}

test("index: equals a map after any changes, and every slot can be reached", () => {
  const change = fc.record({
    key: fc.nat(keys.length - 1),
    what: fc.constantFrom("put", "tombstone", "mark", "unmark", "dropCopy", "forget"),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 1500 }), (changes) => {
      const index = new RecordIndex(false);
      const oracle = new Map<number, { place: number; dead: boolean; copies: number }>();
      const marks = new Map<number, boolean>();
      let place = 0;
      for (const { key, what } of changes) {
        const physical = keys[key] as Buffer;
        const known = oracle.get(key);
        if (what === "put" || what === "tombstone") {
          put(index, physical, ++place, what === "put" ? 0 : slotTombstone);
          const copies = known === undefined ? 0 : known.copies + 1;
          oracle.set(key, { place, dead: what === "tombstone", copies });
          marks.delete(key);
        } else if (what === "mark" || what === "unmark") {
          index.mark(physical, 0, 7, what === "mark");
          marks.set(key, what === "mark");
        } else if (known !== undefined && what === "dropCopy" && known.copies > 0) {
          index.find(physical, 0);
          index.dropCopy();
          known.copies--;
        } else if (known !== undefined && what === "forget" && known.copies === 0) {
          index.find(physical, 0);
          index.forget();
          oracle.delete(key);
          if (marks.get(key) !== true) marks.delete(key);
        }
      }
      index.shards.check();
      const live = new Set<string>();
      for (let key = 0; key < keys.length; key++) {
        const known = oracle.get(key);
        const exists = marks.get(key) ?? (known !== undefined && !known.dead);
        if (exists) live.add((keys[key] as Buffer).toString("hex"));
        if (known === undefined) continue;
        expect(index.find(keys[key] as Buffer, 0)).toBe(true);
        expect([index.offset, index.copies]).toEqual([known.place, known.copies]);
      }
      expect(index.tally.live(7)).toBe(live.size);
      const seen = scanAll(index, 7, 10);
      expect(new Set(seen)).toEqual(live);
      expect(seen).toEqual([...live].sort());
    }),
    { numRuns: 60 },
  );
});

function scanAll(index: RecordIndex, keyspace: number, count: number): string[] {
  const seen: string[] = [];
  let cursor = 0n;
  do cursor = scanRoots(index, keyspace, cursor, count, (key) => seen.push(key.toString("hex")));
  while (cursor !== 0n);
  return seen;
}

test("index: while loading the greater sequence wins in any order, copies are counted", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 1 }), (sequences) => {
      const index = new RecordIndex(true);
      const key = keys[0] as Buffer;
      let dead = 0;
      for (const sequence of sequences) {
        put(index, key, 1000 + sequence, sequence === 5 ? slotTombstone : 0, sequence);
        dead += index.dead.segment === 0 ? 0 : 1;
      }
      index.finishLoading();
      index.find(key, 0);
      expect(index.offset).toBe(1000 + Math.max(...sequences));
      expect(index.copies).toBe(sequences.length - 1);
      expect(dead).toBe(sequences.length - 1);
    }),
  );
});

test("index: what is touched stays as it is, in an empty index too", () => {
  const index = new RecordIndex(false);
  for (const key of keys) index.touch(key, 0);
  keys.forEach((key, n) => {
    put(index, key, n + 1, slotRoot);
    for (const other of keys) index.touch(other, 0);
  });
  index.shards.check();
  keys.forEach((key, n) => {
    expect(index.find(key, 0) && index.offset).toBe(n + 1);
  });
});

test("index: a scan meets every key that stays exactly once while others come and go", () => {
  const index = new RecordIndex(false);
  for (let i = 0; i < 200; i++) put(index, keys[i] as Buffer, i + 1, 0);
  const seen: string[] = [];
  let cursor = 0n;
  let next = 200;
  do {
    cursor = scanRoots(index, 7, cursor, 7, (key) => seen.push(key.toString("hex")));
    for (let i = 0; i < 5 && next < 400; i++) put(index, keys[next++] as Buffer, next, 0);
  } while (cursor !== 0n);
  const stayed = keys.slice(0, 200).map((key) => key.toString("hex"));
  expect(stayed.filter((key) => seen.filter((other) => other === key).length !== 1)).toEqual([]);
});

test("index: a sweep in steps meets once what is there all the time, whatever moves", () => {
  const index = new RecordIndex(false);
  // In one shard, half of which comes and goes.
  const near = keys.map((key) => Buffer.concat([Buffer.alloc(2), key.subarray(2)]));
  const [staying, moving] = [near.slice(0, 150), near.slice(150, 400)];
  for (const [i, key] of near.slice(0, 300).entries()) put(index, key, i + 1, 0);
  const sweep = new Sweep(index);
  for (let round = 0; round < 20; round++) {
    const seen: string[] = [];
    const visit = (words: Uint32Array, at: number) => {
      seen.push(Array.from(words.subarray(at, at + 4)).join());
      return false;
    };
    for (let turn = 0; !sweep.walk(7, visit); turn++)
      for (let i = 0; i < 9; i++) {
        const key = moving[(turn * 13 + i * 31 + round) % moving.length] as Buffer;
        if (index.find(key, 0)) index.evict();
        else put(index, key, 1, 0);
      }
    const times = staying.map((key) => {
      const name = [0, 4, 8, 12].map((at) => key.readUInt32BE(at)).join();
      return seen.filter((other) => other === name).length;
    });
    expect(times).toEqual(staying.map(() => 1));
  }
  index.shards.check();
});

test("index: random roots are live and of the keyspace; expiry is never told early", () => {
  const index = new RecordIndex(false);
  expect(randomRoot(index, 7, 0.5)).toBeNull();
  for (let i = 0; i < 50; i++) put(index, keys[i] as Buffer, i + 1, i % 2 ? slotTombstone : 0);
  for (let draw = 0; draw < 1; draw += 0.01) {
    const key = randomRoot(index, 7, draw)?.toString("hex");
    expect(keys.findIndex((other) => other.toString("hex") === key) % 2).toBe(0);
  }
  expect(randomRoot(index, 8, 0.5)).toBeNull();
  expect([expirySeconds(0), expirySeconds(1), expirySeconds(1001)]).toEqual([0, 1, 2]);
  index.place(keys[99] as Buffer, 0, 1, 1, 1, 7, slotRoot, expirySeconds(5500), 0);
  const found: string[] = [];
  const sweep = new Sweep(index);
  sweep.expired(5900, 1e9, (key) => found.push(key.toString("hex")));
  expect(found).toEqual([]);
  sweep.expired(6000, 1e9, (key) => found.push(key.toString("hex")));
  expect(found).toEqual([(keys[99] as Buffer).toString("hex")]);
});
