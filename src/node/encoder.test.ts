// Goal: entries encoded many at once by the addon leave run and entries as entries encoded one by
// one do. Method: random sets of entries of every kind (deleted, of dropped databases, with long
// names, values of their own memory, changed while the run is encoded), and a run without room.
import fc from "fast-check";
import { expect, test } from "vitest";
import { PhysicalKeys } from "../crypto/prf.ts";
import type { Databases } from "../keyspace/databases.ts";
import { flag } from "../keyspace/entries.ts";
import type { RecordSource } from "../keyspace/ports.ts";
import { Resident } from "../keyspace/resident.ts";
import type { EncodeMany } from "../platform/native.ts";
import { loadNative } from "../platform/native.ts";
import { nativePrimitives } from "../platform/native-primitives.ts";
import { ownMemory, SegmentRun } from "../store/segments/run.ts";
import type { Store } from "../store/store.ts";
import { Encoder } from "./encoder.ts";

const ids = Uint32Array.of(1, 2, 9);
const native = loadNative();

const entry = fc.record({
  name: fc.oneof(
    fc.stringMatching(/^[a-z]{1,40}$/),
    fc.constant("long".repeat(256)),
    fc.constant("longer".repeat(200)),
  ),
  keyspace: fc.constantFrom(1, 1, 1, 2, 9, 3, 0xffff_ffff),
  bytes: fc.oneof(fc.nat(300), fc.constantFrom(4095, 4096, 65_000, 70_000)),
  what: fc.constantFrom("put", "put", "put", "put", "expiring", "raw", "deleted"),
  physical: fc.boolean(),
});
type Drawn = typeof entry extends fc.Arbitrary<infer T> ? T : never;
const drawn = fc.record({
  entries: fc.array(entry, { maxLength: 60 }),
  changed: fc.array(fc.nat(59), { maxLength: 4 }),
});

function rig(primitives: Parameters<typeof nativePrimitives>[0]) {
  const resident = new Resident({ load: () => null } as unknown as RecordSource, 7);
  const databases = { resident, ids } as unknown as Databases;
  const keys = new PhysicalKeys(nativePrimitives(primitives), Buffer.alloc(32, 5), 0x1234);
  const marked: string[] = [];
  const store = {
    onDisk: (key: Buffer, at: number) => (key[at] as number) % 2 === 0,
    markPending: (key: Buffer, at: number) => marked.push(key.toString("hex", at, at + 16)),
  } as unknown as Store;
  return { resident, databases, keys, store, marked };
}

/** What an encoding leaves, with all that it could have changed. */
function play({ entries, changed }: { entries: Drawn[]; changed: number[] }, one: boolean) {
  const { resident, marked, ...deps } = rig(native!);
  const held = resident.entries;
  resident.index = 2 ** 40 + 5;
  for (const { name, keyspace, bytes, what, physical } of entries) {
    const key = Buffer.from(name);
    resident.ordinal++;
    const id = resident.replace(keyspace, key, 0, key.length, 1, bytes);
    held.buffer(id).fill(resident.ordinal, held.valueAt(id), held.valueAt(id) + bytes);
    if (what === "expiring") held.setExpireAt(id, 2 ** 41 + 3);
    if (what === "raw") held.setFlags(id, held.flags(id) | flag.raw);
    if (what === "deleted") resident.erase(id);
    if (!physical) continue;
    const at = held.keyAt(id);
    deps.keys.root(keyspace, held.buffer(id), at, at + key.length, held.buffer(id), at - 16);
    held.setFlags(id, held.flags(id) | flag.physical);
  }
  const frozen = resident.freeze();
  const run = new SegmentRun(ownMemory, 4096);
  run.reserve(resident.frozenBytes);
  const encoder = new Encoder(
    { ...deps, ...{ resident } },
    run,
    0x1_0000_0002n << 16n,
    ...many(one),
  );
  for (const n of changed) if (n < frozen.length) encoder.beforeChange(frozen[n]!);
  for (let at = encoder.slice(frozen, 0); at < frozen.length; ) at = encoder.slice(frozen, at);
  const physicalOf = (id: number): string =>
    held.buffer(id).toString("hex", held.physicalAt(id), held.physicalAt(id) + 16);
  const after = Array.from(frozen, (id) => {
    const flags = held.flags(id);
    return [flags, (flags & flag.physical) === 0 ? null : physicalOf(id)];
  });
  const { bytes, records, puts, buffer } = run;
  return { bytes, records, puts, marked, after, frames: buffer.toString("hex", 0, bytes) };
}

const many = (one: boolean): [EncodeMany | null] | [] => (one ? [null] : []);

if (native !== null) {
  test("encoder: many at once leave what one by one leave", () => {
    fc.assert(
      fc.property(drawn, (set) => {
        expect(play(set, false)).toEqual(play(set, true));
      }),
      { numRuns: 150 },
    );
  });

  test("encoder: a slice ends when it has a mebibyte, and at its number of records", () => {
    const { resident, ...deps } = rig(native);
    const key = Buffer.alloc(8);
    for (let n = 0; n < 700; n++) {
      key.writeUInt32BE(n);
      resident.replace(1, key, 0, 8, 1, n < 100 ? 60_000 : 10);
    }
    const frozen = resident.freeze();
    for (const encodeMany of [null, deps.keys.encodeMany]) {
      const run = new SegmentRun(ownMemory, 4096);
      run.reserve(resident.frozenBytes);
      const encoder = new Encoder(deps, run, 1n, encodeMany);
      const ends: number[] = [];
      for (let at = 0; at < frozen.length; at = ends.at(-1)!) ends.push(encoder.slice(frozen, at));
      expect(ends[0]).toBe(18);
      expect(ends.at(-2)! - ends.at(-3)!).toBe(512);
      for (const id of frozen) resident.returned(id);
      resident.freeze();
    }
  });

  test("encoder: what leaves the entries, their memory or the run is refused or left", () => {
    const { resident, keys } = rig(native);
    const key = Buffer.from("name");
    const id = resident.replace(1, key, 0, 4, 1, 100);
    resident.freeze();
    const { lines, arena } = resident.entries;
    const run = Buffer.alloc(1000);
    const order = (end = 1, max = 1000) => Uint32Array.of(0, end, 0, max, 0, 0, 1, 4096, 1);
    const call = keys.encodeMany!;
    const list = Uint32Array.of(id);
    const left: Parameters<EncodeMany>[] = [
      [lines, arena.pieces, Uint32Array.of(0xffff_ffff), run, order()],
      [lines.subarray(0, 16), arena.pieces, list, run, order()],
      [lines, [], list, run, order()],
      [lines, [Buffer.alloc(8)], list, run, order()],
      [lines, arena.pieces, list, run.subarray(0, 217), order()],
      [lines, arena.pieces, list, run, order(1, 217)],
      [lines, arena.pieces, list, run, order().fill(2, 8)],
    ];
    for (const args of left) {
      expect(call(...args)).toBe(0);
      expect(args[4][0]).toBe(0);
      expect(run.every((byte) => byte === 0)).toBe(true);
    }
    const outside: Parameters<EncodeMany>[] = [
      [lines, arena.pieces, list, run, order(2)],
      [lines, arena.pieces, list, run, order().subarray(0, 7)],
    ];
    for (const args of outside) expect(() => call(...args)).toThrow(RangeError);
    const wrong = [new Float64Array(8)] as unknown as Uint8Array[];
    expect(() => call(lines, wrong, list, run, order())).toThrow(TypeError);
    const good = order();
    expect(call(lines, arena.pieces, list, run, good)).toBe(1);
    expect(good[2]).toBe(16 + 64 + 16 + 18 + 104);
    keys.dispose();
    expect(() => call(lines, arena.pieces, list, run, order())).toThrow("disposed");
  });
}
