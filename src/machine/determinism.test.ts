// Goal: the state after an entry depends on the entries alone. Never on what was resident, when it
// was flushed, what was read in between, or whether the node died and replayed the rest of its log.
// Method: the same random entries to one machine that never evicts, to one that evicts, reloads,
// reads and flushes at random between entries and between commands, and, from the last run that
// landed, to one that starts again. Replies and the digest of all keys are equal.
import fc from "fast-check";
import { expect, test } from "vitest";
import { expireCode } from "../entry/batch.ts";
import type { BatchItem, Command, Transaction } from "../entry/testing/batches.ts";
import { nativeEntries } from "../platform/residents.ts";
import {
  keyspacesRecord,
  restoreRecord,
  tableKeyspaces,
  tableTime,
  timeRecord,
} from "./records.ts";
import { keyState } from "./statehash.ts";
import { command, Rig } from "./testing/rig.ts";

const key = fc.constantFrom(
  "a",
  "b",
  "c",
  "",
  "a key of some length that is stored apart".repeat(3),
);
const db = fc.nat(2);
const number = fc.integer({ min: -20, max: 200 }).map(String);
const seconds = fc.integer({ min: -1, max: 3 }).map(String);
const value = fc.oneof(
  number,
  fc.constantFrom("", "1.5", "x".repeat(44), "x".repeat(45), "y".repeat(9000)),
);
const offset = fc.nat(300).map(String);

/** A command line, given its database. */
type Line = [string, ...string[]];
const line = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<Line> =>
  fc.tuple(
    ...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)),
  ) as unknown as fc.Arbitrary<Line>;

const lines = fc.oneof(
  { weight: 4, arbitrary: line("set", key, value) },
  line("set", key, value, "EX", seconds),
  line("set", key, value, "KEEPTTL", "GET"),
  line("set", key, value, "NX", "PX", number),
  line("set", key, value, "XX"),
  line("setnx", key, value),
  line("getset", key, value),
  line("getdel", key),
  line("getex", key, "PERSIST"),
  line("getex", key, "EX", seconds),
  { weight: 2, arbitrary: line("append", key, value) },
  line("setrange", key, offset, value),
  { weight: 2, arbitrary: line("incr", key) },
  line("decrby", key, number),
  line("incrbyfloat", key, "0.25"),
  line("mset", key, value, key, value),
  line("msetnx", key, value, key, value),
  line("del", key, key),
  line("unlink", key),
  { weight: 2, arbitrary: line("rename", key, key) },
  line("renamenx", key, key),
  line("copy", key, key, "DB", fc.constantFrom("0", "1"), "REPLACE"),
  line("copy", key, key),
  line("move", key, fc.constantFrom("0", "1", "2")),
  { weight: 2, arbitrary: line("expire", key, seconds) },
  line("pexpire", key, number, fc.constantFrom("NX", "XX", "GT", "LT")),
  line("persist", key),
  line("setbit", key, offset, "1"),
  line("bitop", fc.constantFrom("AND", "OR", "XOR"), key, key, key),
  line("bitop", "NOT", key, key),
  line("bitfield", key, "OVERFLOW", "SAT", "INCRBY", "u8", offset, "100"),
  line("swapdb", fc.constantFrom("0", "1", "2"), fc.constantFrom("0", "1", "2")),
  line("flushdb"),
);

const commands: fc.Arbitrary<Command> = fc
  .tuple(db, lines)
  .map(([database, [name, ...args]]) => command(database, name, ...args));
const expired: fc.Arbitrary<Command> = fc
  .tuple(db, fc.array(key, { minLength: 1, maxLength: 3 }))
  .map(([database, keys]) => ({
    code: expireCode,
    database,
    args: keys.map((k) => Buffer.from(k)),
  }));
const transactions = fc
  .tuple(fc.array(fc.tuple(db, key), { maxLength: 2 }), fc.array(commands, { maxLength: 4 }))
  .map(([watched, list]) => ({ watched, list }));

/** What a client watched is looked up on the steady machine when the entry is made. */
interface Plan {
  readonly watched: readonly (readonly [number, string])[];
  readonly list: readonly Command[];
}
type Item = Command | Plan;

const item: fc.Arbitrary<Item> = fc.oneof(
  { weight: 8, arbitrary: commands as fc.Arbitrary<Item> },
  { weight: 1, arbitrary: expired },
  { weight: 1, arbitrary: transactions },
);

/** What happens between entries on the restless machine. */
type Storage = "evict all" | "evict half" | "freeze" | "encode" | "land" | "fail" | "read";
const storage = fc.array(
  fc.constantFrom<Storage[]>("evict all", "evict half", "freeze", "encode", "land", "fail", "read"),
  { maxLength: 3 },
);
const entry = fc.record({
  ms: fc.integer({ min: -500, max: 900 }),
  items: fc.array(item, { minLength: 1, maxLength: 4 }),
  watchesStale: fc.boolean(),
  before: storage,
  within: storage,
});

/** What a commit says beside the records. */
interface Commit {
  readonly index: number;
  readonly records: [number, Buffer][];
}

class Restless {
  readonly rig = new Rig(2, nativeEntries);
  landed: Commit = this.commit();
  private frozen: Commit | null = null;

  private commit(): Commit {
    const { machine } = this.rig;
    const records: [number, Buffer][] = [
      [tableKeyspaces, keyspacesRecord(machine)],
      [tableTime, timeRecord(machine)],
    ];
    return { index: machine.appliedIndex, records };
  }

  /** A run is frozen between entries only. */
  step(kind: Storage, between: boolean): void {
    const { resident, databases, shelf } = this.rig;
    if (kind === "evict all") resident.evictAll();
    else if (kind === "evict half") resident.evict(resident.bytes >> 1, databases.ids);
    else if (kind === "read") this.read();
    else if (kind === "freeze" && between && this.frozen === null) {
      shelf.begin();
      this.frozen = this.commit();
    } else if (this.frozen === null) return;
    else if (kind === "encode") shelf.encode(1);
    else if (kind === "land") {
      shelf.land();
      this.landed = this.frozen;
      this.frozen = null;
    } else if (kind === "fail") {
      shelf.fail();
      this.frozen = null;
    }
  }

  /** A client of this node alone, whose clock is ahead. */
  private read(): void {
    const { databases } = this.rig;
    databases.nowMs += 700;
    for (const name of ["a", "b"]) databases.database(0).getString(Buffer.from(name));
    databases.directory.count(1);
  }

  /** A process that finds what has landed. */
  restarted(): Rig {
    const rig = new Rig(3);
    for (const [name, held] of this.rig.shelf.records) rig.shelf.records.set(name, held);
    for (const [table, record] of this.landed.records) restoreRecord(rig.machine, table, record);
    rig.machine.appliedIndex = this.landed.index;
    return rig;
  }
}

function watchesOf(rig: Rig, { watched, list }: Plan): Transaction {
  rig.databases.nowMs = rig.machine.timeMs;
  const watches = watched.map(([database, name]) => {
    const bytes = Buffer.from(name);
    const now = rig.databases.database(database).modified(bytes);
    return { database, key: bytes, index: now?.index ?? 0, ordinal: now?.ordinal ?? 0 };
  });
  return { watches, commands: list };
}

const isPlan = (one: Item): one is Plan => "watched" in one;

test("determinism: evicting, reloading, flushing, reading and replaying change no state", () => {
  let loads = 0;
  let replayed = 0;
  let violated = 0;
  fc.assert(
    fc.property(fc.array(entry, { minLength: 5, maxLength: 30 }), (entries) => {
      const steady = new Rig(1);
      const restless = new Restless();
      const log: { ms: number; items: BatchItem[] }[] = [];
      let ms = 10_000;
      for (const { ms: later, items, watchesStale, before, within } of entries) {
        ms += later;
        const made = items.map((one) => (isPlan(one) ? watchesOf(steady, one) : one));
        if (watchesStale) {
          const between = { ms, items: [command(0, "append", "a", "!")] };
          log.push(between);
          expect(restless.rig.batch(ms, ...between.items)).toEqual(
            steady.batch(ms, ...between.items),
          );
        }
        log.push({ ms, items: made });
        for (const kind of before) restless.step(kind, true);
        // What happens between two commands happens where they are applied one by one.
        restless.rig.sink.grouping = within.length === 0;
        restless.rig.sink.between = () => {
          for (const kind of within) restless.step(kind, false);
        };
        const calls = steady.batch(ms, ...made);
        expect(restless.rig.batch(ms, ...made)).toEqual(calls);
        violated += calls.filter((call) => call.endsWith("violated")).length;
      }
      const hash = steady.hash();
      expect(restless.rig.hash()).toBe(hash);
      const again = restless.restarted();
      replayed += log.length - restless.landed.index;
      for (const one of log.slice(restless.landed.index)) again.batch(one.ms, ...one.items);
      expect(again.machine.appliedIndex).toBe(steady.machine.appliedIndex);
      expect(again.hash()).toBe(hash);
      loads += restless.rig.shelf.loads;
      expect(steady.shelf.records.size).toBe(0);
    }),
    { numRuns: 80, endOnFailure: true },
  );
  expect(loads).toBeGreaterThan(500);
  expect(replayed).toBeGreaterThan(200);
  expect(violated).toBeGreaterThan(10);
});

test("state hash: it changes with everything that belongs to a key, and comes back with it", () => {
  const rig = new Rig();
  const seen = new Set([rig.hash()]);
  expect(rig.hash()).toBe("00".repeat(32));
  const { databases, resident } = rig;
  const one = databases.database(0);
  const name = Buffer.from("k");
  resident.index = 1;
  const set = (): void => one.setString(name, Buffer.from("12"));
  const changes: (() => unknown)[] = [
    set,
    () => one.setString(name, Buffer.from("13")),
    () => databases.swap(0, 1),
    () => databases.swap(0, 1) ?? one.setExpireAt(name, 5000),
    () => one.setExpireAt(name, 0) && one.editString(name, 2),
    () => one.rename(name, Buffer.from("l")),
    () => one.copy(Buffer.from("l"), databases.database(3), name),
    () => {
      resident.ordinal = 1;
      set();
    },
  ];
  for (const [n, change] of changes.entries()) {
    change();
    seen.add(rig.hash());
    expect(seen.size).toBe(n + 2);
  }
  databases.flush(0);
  databases.flush(3);
  resident.ordinal = 0;
  set();
  const alone = keyState(one, name).toString("hex");
  const texts = [
    "06",
    Buffer.from("string").toString("hex"),
    "03",
    Buffer.from("int").toString("hex"),
  ];
  const fields = ["00", ...texts, "00".repeat(8), "0000000000000001", "00000000", "00000001", "6b"];
  expect(alone).toBe([...fields, Buffer.from("12").toString("hex")].join(""));
  expect(seen.has(rig.hash())).toBe(true);
});
