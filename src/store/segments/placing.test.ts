// Goal: records placed many at once by the addon leave index and books as records placed one by
// one do. Method: runs of random puts, tombstones and control records, keys met again and again
// (also within a run), with and without expiry, between marks and drops of keyspaces.
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameHeaderBytes } from "../../files/framing.ts";
import { loadNative } from "../../platform/native.ts";
import { nativePlaceMany } from "../../platform/slots.ts";
import {
  build,
  keys,
  keyspaceOf,
  type Step,
  scheduler,
  seen,
  segment,
  stepOf,
} from "../testing/drawn.ts";
import { Books } from "./books.ts";
import { placeRun } from "./placing.ts";
import { slotRoot } from "./shard.ts";

function sweep(books: Books): void {
  while (!books.sweepDropped(50));
}

/** The books after every step. */
async function play(steps: readonly Step[], native: typeof nativePlaceMany) {
  const books = new Books(false);
  for (const [n, { records, marked, dropped }] of steps.entries()) {
    const one = segment(n + 1);
    books.segments.set(n + 1, one);
    for (const [key, exists] of marked) books.index.mark(keys[key]!, 0, keyspaceOf(key), exists);
    if (dropped && n >= 2) books.dropKeyspace(8);
    if (dropped && n >= 3) sweep(books);
    const { buffer, places } = build(records);
    await placeRun(books, one, buffer, places, scheduler, native);
    books.index.shards.check();
  }
  return seen(books);
}

if (nativePlaceMany !== null) {
  test("placing: many at once leaves what one by one leaves", async () => {
    const steps = fc.array(stepOf(keys.length), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => {
        expect(await play(drawn, nativePlaceMany)).toEqual(await play(drawn, null));
      }),
      { numRuns: 60 },
    );
  });

  test("placing: the addon goes on once the slots of a dropped keyspace are gone", async () => {
    const books = new Books(false);
    let calls = 0;
    const counting: typeof nativePlaceMany = (...all) => {
      calls++;
      nativePlaceMany?.(...all);
    };
    const placed = async (number: number) => {
      const one = segment(number);
      books.segments.set(number, one);
      const put = { kind: "put", root: true, expireAt: 0, bytes: 8 } as const;
      const { buffer, places } = build([1, 2, 3].map((key) => ({ key, ...put })));
      await placeRun(books, one, buffer, places, scheduler, counting);
      return calls;
    };
    expect(await placed(1)).toBe(1);
    books.dropKeyspace(8);
    expect(await placed(2)).toBe(1);
    sweep(books);
    expect(await placed(3)).toBe(2);
    // Of keys 1 and 3 all is dead, of key 2 the newest lives.
    const dead = [1, 2, 3].map((number) => books.segment(number).deadBytes);
    const { recordBytes } = books.segment(1);
    expect(dead).toEqual([recordBytes, recordBytes, (recordBytes / 3) * 2]);
    expect(books.index.shards.total).toBe(1);
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
