// Goal: SETs that are applied together, and evictions by the addon, leave the state that one by one
// leaves: replies, records, what is dirty, and every table to the last word.
// Method: the same random batches, evictions and flushes to two machines, one of them with the
// addon.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command } from "../entry/testing/batches.ts";
import { flag } from "../keyspace/entries.ts";
import type { Resident } from "../keyspace/resident.ts";
import { nativeEntries } from "../platform/residents.ts";
import { command, Rig } from "./testing/rig.ts";

/** Of lengths that are hashed, compared and placed differently. */
const keys = Array.from({ length: 300 }, (_, n) => `${"k".repeat((n * n) % 90)}${n}`);
const key = fc.constantFrom(...keys);
const length = fc.oneof(
  { weight: 3, arbitrary: fc.nat(64) },
  { weight: 12, arbitrary: fc.integer({ min: 990, max: 1024 }) },
  { weight: 1, arbitrary: fc.constantFrom(5000, 65_400, 65_537, 90_000) },
);
const set = fc
  .tuple(fc.nat(2), key, length, fc.nat(255))
  .map(([db, name, bytes, mark]) => command(db, "set", name, Buffer.alloc(bytes, mark)));
const other = fc.oneof(
  fc.tuple(fc.nat(2), key).map(([db, name]) => command(db, "del", name)),
  fc.tuple(fc.nat(2), key).map(([db, name]) => command(db, "append", name, "!")),
  fc.tuple(fc.nat(2), key).map(([db, name]) => command(db, "set", name, "v", "PX", "40")),
  fc.tuple(fc.nat(2)).map(([db]) => command(db, "flushdb")),
  fc.tuple(fc.nat(2)).map(([db]) => command(db, "swapdb", "0", "1")),
);
const commands = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: set },
    { weight: 1, arbitrary: other },
  ) as fc.Arbitrary<Command>,
  { minLength: 1, maxLength: 200, size: "max" },
);
const steps = [
  ...(["freeze", "encode", "encode all", "land", "fail"] as const),
  ...(["evict", "evict all", "limit", "list"] as const),
];
const entry = fc.record({
  commands,
  before: fc.array(fc.constantFrom(...steps), { maxLength: 3 }),
});

/** As the directory does with keys that are new. */
function list({ entries, dirty }: Resident): void {
  for (const id of dirty.view) entries.setFlags(id, entries.flags(id) | flag.listed);
}

function storage({ resident, databases, shelf }: Rig, step: (typeof steps)[number]): void {
  if (step === "freeze" && !shelf.flushing) shelf.begin();
  else if (step === "evict") resident.evict(resident.bytes >> 1, databases.ids);
  else if (step === "evict all") resident.evict(0, databases.ids);
  else if (step === "limit") resident.evict(resident.bytes - 3000, databases.ids);
  else if (step === "list") list(resident);
  else if (!shelf.flushing) return;
  else if (step === "encode") shelf.encode(20);
  else if (step === "encode all") shelf.encode(Number.POSITIVE_INFINITY);
  else if (step === "land") shelf.land();
  else if (step === "fail") shelf.fail();
}

/** What the tables hold of values and keys, as far as it means something. */
function contents({ entries }: Resident): string[] {
  const found: string[] = [];
  for (let id = 1; id <= entries.top; id++) {
    if (entries.flags(id) === 0) continue;
    const end = entries.valueAt(id) + entries.valueLength(id);
    const held = entries.buffer(id).subarray(entries.keyAt(id), end);
    found.push(`${id} ${held.toString("latin1")}`);
  }
  return found;
}

function expectSame(one: Rig, other: Rig): void {
  const [a, b] = [one.resident, other.resident];
  expect(b.dirty.view).toEqual(a.dirty.view);
  const counts = (r: Resident): number[] => [
    r.dirtyBytes,
    r.sharedBytes,
    r.changes,
    r.index,
    r.ordinal,
    r.bytes,
    r.entries.arena.bytes,
  ];
  expect(counts(b)).toEqual(counts(a));
  const tables = a.entries.tables.words;
  for (const [n, table] of b.entries.tables.words.entries())
    if (Buffer.compare(Buffer.from(table.buffer), Buffer.from(tables[n]!.buffer)) !== 0)
      expect(`table ${n}: ${table.join()}`).toBe(`table ${n}: ${tables[n]!.join()}`);
  expect(contents(b)).toEqual(contents(a));
}

if (nativeEntries !== null)
  test("together: batches applied at once leave what one by one leaves, to the last word", () => {
    let grouped = 0;
    let all = 0;
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 12, size: "max" }), (entries) => {
        const steady = new Rig(1);
        const quick = new Rig(1, nativeEntries);
        for (const { commands: list, before } of entries) {
          for (const step of before) for (const rig of [steady, quick]) storage(rig, step);
          expect(quick.batch(10_000, ...list)).toEqual(steady.batch(10_000, ...list));
          expectSame(steady, quick);
          all += list.length;
        }
        expect(quick.hash()).toBe(steady.hash());
        grouped += quick.sink.grouped;
      }),
      { numRuns: 60, endOnFailure: true },
    );
    expect(grouped).toBeGreaterThan(all / 4);
  }, 120_000);

test("together: a batch that ends early is refused, however its SETs are applied", () => {
  for (const native of [null, nativeEntries]) {
    const whole = Array.from({ length: 20 }, (_, n) => command(0, "set", `k${n}`, "value"));
    const rig = new Rig(1, native);
    expect(() => rig.cut(10_000, 3, ...whole)).toThrow("FORMAT_TRUNCATED");
    expect(rig.machine.torn).toBe(true);
    const longer = new Rig(1, native);
    expect(() => longer.cut(10_000, -3, ...whole)).toThrow("FORMAT_TRAILING");
  }
});
