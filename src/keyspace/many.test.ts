// Goal: what is done to many entries at once leaves the same state as one by one, and memory is
// touched only where it was named.
import fc from "fast-check";
import { expect, test } from "vitest";
import { nativeEntries } from "../platform/residents.ts";
import { Entries } from "./entries.ts";
import { ManyEntries, touchedMax } from "./many.ts";

for (const native of [null, nativeEntries]) {
  const way = native === null ? "one by one" : "many at once";
  test(`many: what is touched ${way} stays as it is, and hashes are told`, () => {
    const entries = new Entries(3);
    const many = new ManyEntries(entries, native);
    const other = new ManyEntries(new Entries(4), native);
    const all = Buffer.from(Array.from({ length: 4000 }, (_, n) => `key ${n}`).join());
    const spans = Array.from({ length: 4000 }, (_, n) => {
      const start = all.indexOf(`key ${n}`);
      return { start, end: start + `key ${n}`.length, keyspace: 1 + (n % 3) };
    });
    const hashes = spans.map(({ start, end, keyspace }) =>
      entries.hashOf(keyspace, all, start, end),
    );
    const ids: number[] = [];
    for (const [n, { start, end, keyspace }] of spans.slice(0, 2000).entries()) {
      const bytes = n % 50 === 0 ? 200_000 : n % 100;
      const id = entries.insert(hashes[n]!, keyspace, all, start, end, bytes);
      entries.setFlags(id, 1);
      ids.push(id);
      // Tables, lines and memory move between calls, and two sets take turns.
      for (const set of [many, other]) {
        for (const m of [n, n + 1, n + 2000])
          set.named.name(m % touchedMax, spans[m]!.keyspace, spans[m]!.start, spans[m]!.end);
        set.touchKeys(all, touchedMax);
      }
      expect(many.named.hash((n + 1) % touchedMax)).toBe(hashes[n + 1]);
    }
    entries.remove(ids[7]!);
    const before = [entries.bytes, entries.count, entries.top];
    for (let n = 0; n < 4000; n += touchedMax) {
      for (let m = 0; m < touchedMax; m++) {
        const { keyspace, start, end } = spans[n + m]!;
        many.named.name(m, keyspace, start, end);
      }
      many.touchKeys(all, touchedMax);
      const told = Array.from({ length: touchedMax }, (_, m) => many.named.hash(m));
      expect(told).toEqual(hashes.slice(n, n + touchedMax));
    }
    expect([entries.bytes, entries.count, entries.top]).toEqual(before);
    for (const [n, { start, end, keyspace }] of spans.entries())
      expect(entries.find(hashes[n]!, keyspace, all, start, end)).toBe(n === 7 ? 0 : (ids[n] ?? 0));
  });
}

test("many: keys of every length hash alike, whoever hashes them", () => {
  const bytes = Buffer.from(Array.from({ length: 64 }, (_, n) => 255 - n));
  for (const native of [null, nativeEntries]) {
    const entries = new Entries(-77);
    const many = new ManyEntries(entries, native);
    for (let end = 0; end <= bytes.length; end++) {
      many.named.name(0, 0xffff_ffff, end >> 2, end);
      many.touchKeys(bytes, 1);
      expect(many.named.hash(0)).toBe(entries.hashOf(0xffff_ffff, bytes, end >> 2, end));
    }
  }
});

if (nativeEntries !== null) {
  const native = nativeEntries;
  const slotsOfLines = 64;
  /** Tables as of a set that holds nothing, with lines for so many entries. */
  const tablesFor = (lines: Int32Array): Int32Array[] => {
    const { words } = new Entries(1).tables;
    return words.map((table, n) => (n < 64 ? new Int32Array(512) : n === 64 ? lines : table));
  };

  test("many: what leaves the buffer, the rows or the tables is refused, not touched", () => {
    const lines = new Int32Array(slotsOfLines * 16);
    const tables = tablesFor(lines);
    const rows = (...row: number[]) => Int32Array.of(1, 3, 5, 1, ...row);
    const key = Buffer.alloc(8);
    native.touchKeys(tables, [], -1, key, rows(0, 8, 0, 0));
    for (const bad of [rows(1, 0, 0, 0), rows(0, 9, 0, 0), rows(-1, 4, 0, 0), rows(0, 8, 0)])
      expect(() => native.touchKeys(tables, [], -1, key, bad)).toThrow(RangeError);
    const rest = new Int32Array(4 + 4 * 65);
    rest[3] = 65;
    expect(() => native.touchKeys(tables, [], -1, key, rest)).toThrow(RangeError);
    const other = rows(0, 8, 0, 0);
    expect(() => native.touchKeys([], [], -2, key, other)).toThrow(TypeError);
    for (let n = 0; n < tables.length; n++) {
      // Heads and sizes are looked at when they are used.
      if (n === 64 || n === 69 || n === 71) continue;
      const short = tables.map((table, at) => (at === n ? new Int32Array(1) : table));
      if (n === 68) short[n] = new Int32Array(0);
      else expect(() => native.touchKeys(short, [], -2, key, other)).toThrow(RangeError);
    }
    const odd = tables.map((table, n) => (n === 5 ? new Int32Array(500) : table));
    expect(() => native.touchKeys(odd, [], -2, key, other)).toThrow(RangeError);
    const shards = tables.slice(0, 64);
    // An entry beyond the lines, and a place beyond the pieces.
    for (const table of shards) for (let at = 0; at < 512; at += 2) table.set([other[7]!, 1e9], at);
    native.touchKeys(tables, [], -3, key, other);
    for (const table of shards) for (let at = 1; at < 512; at += 2) table[at] = 2;
    new Float64Array(lines.buffer).fill(2 ** 40);
    native.touchKeys(tables, [Buffer.alloc(8)], -4, key, other);
  });

  const batch = Buffer.from("0201000000000200000001610000000178", "hex");
  /** An order of SETs: place, end and most commands; room for so many ids. */
  const setOrder = (at: number, end: number, max: number, ids = max): Int32Array => {
    const order = new Int32Array(31 + Math.max(0, ids));
    order.set([at, end, max, 0x0201, 1, 0, 0, 1, 128, 3, 5, 7]);
    return order;
  };

  test("many: SETs and evictions that leave their buffers are refused", () => {
    const { words, pieces, generation } = new Entries(1).tables;
    const apply = (order: Int32Array): number =>
      native.setMany(words, pieces, generation, batch, order);
    const end = batch.length;
    const bad = [
      setOrder(-1, end, 1),
      setOrder(0, end + 1, 1),
      setOrder(5, 4, 1),
      setOrder(0, end, -1),
      setOrder(0, end, 3, 2),
      new Int32Array(30),
    ];
    for (const order of bad) expect(() => apply(order)).toThrow(RangeError);
    for (let cut = 0; cut < end; cut++) {
      const order = setOrder(0, cut, 1);
      expect(apply(order)).toBe(0);
      expect(order[0]).toBe(0);
    }
    // A slab has to be cut first: that is the caller's.
    expect(apply(setOrder(0, end, 1))).toBe(0);
    expect(() => native.evictMany(words, pieces, generation, new Int32Array(20))).toThrow(
      RangeError,
    );
  });

  test("many: tables that make no sense are not followed out of their memory", () => {
    const words = fc.oneof(
      { weight: 4, arbitrary: fc.nat(9) },
      fc.constantFrom(-1, 0x7fff_ffff, -0x8000_0000, 64, 65, 1023),
    );
    let generation = -100;
    const doubles = fc.oneof(fc.nat(70), fc.constantFrom(-1, Number.NaN, 1e300, 2 ** 31, 2 ** 40));
    fc.assert(
      fc.property(
        fc.array(words, { minLength: 40, maxLength: 40 }),
        fc.array(doubles, { minLength: 3, maxLength: 3 }),
        (given, counts) => {
          const tables = tablesFor(new Int32Array(slotsOfLines * 16));
          const made = tables.map((table, n) =>
            n === 67
              ? new Int32Array(Float64Array.from(counts).buffer)
              : table.map((_, at) => given[(at * (n + 1)) % given.length] as number),
          );
          const pieces = [Buffer.alloc(1 << 18), Buffer.alloc(8)];
          const at = --generation;
          const order = setOrder(0, batch.length, 1);
          expect(native.setMany(made, pieces, at, batch, order)).toBeLessThanOrEqual(1);
          const eviction = new Int32Array(21);
          eviction.set([given[0] as number, 200]);
          native.evictMany(made, pieces, at, eviction);
        },
      ),
      { numRuns: 300 },
    );
  });
}
