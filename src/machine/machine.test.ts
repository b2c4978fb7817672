// Goal: every opcode does what docs/formats/log-entry.md says; what an honest log cannot hold
// throws and leaves the applied index where it was; time never goes back.
// Method: entries through the real writer, the real commands, one small history each.
import { expect, test } from "vitest";
import { AssertionError } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import { absentOrdinal, expireCode } from "../entry/batch.ts";
import { opcode } from "../entry/logentry.ts";
import { writeBatch } from "../entry/testing/batches.ts";
import { discardSink } from "./discard.ts";
import { command, Rig } from "./testing/rig.ts";

const set = (key: string, value: string, ...options: string[]) =>
  command(0, "set", key, value, ...options);

/** The watch of a key as it is now. */
function watch(rig: Rig, key: string, database = 0) {
  rig.databases.nowMs = rig.machine.timeMs;
  const now = rig.databases.database(database).modified(Buffer.from(key));
  const { index, ordinal } = now ?? { index: rig.machine.appliedIndex, ordinal: absentOrdinal };
  return { database, key: Buffer.from(key), index, ordinal };
}

function get(rig: Rig, key: string, database = 0): string | null {
  rig.databases.nowMs = rig.machine.timeMs;
  return rig.databases.database(database).getString(Buffer.from(key))?.toString() ?? null;
}

test("machine: the commands of a batch run in order, each with its own reply and place", () => {
  const rig = new Rig();
  const calls = rig.batch(1000, set("a", "1"), command(0, "incr", "a"), command(3, "incr", "a"));
  expect(calls).toEqual(["before 0", "OK", "before 1", "2", "before 2", "1"]);
  expect(rig.machine.appliedIndex).toBe(1);
  expect(watch(rig, "a")).toMatchObject({ index: 1, ordinal: 1 });
  expect(watch(rig, "a", 3)).toMatchObject({ index: 1, ordinal: 2 });
  expect(rig.batch(1000)).toEqual([]);
  expect(rig.machine.appliedIndex).toBe(2);
});

test("machine: an error reply is a result: the others run and the index advances", () => {
  const rig = new Rig();
  const wrongArity = { ...command(0, "append", "a"), args: [Buffer.from("a")] };
  const replies = rig.replies(1000, set("a", "x"), command(0, "incr", "a"), wrongArity);
  expect(replies).toEqual([
    "OK",
    "-ERR value is not an integer or out of range",
    "-ERR wrong number of arguments for 'append' command",
  ]);
  expect(rig.machine.appliedIndex).toBe(1);
  expect(rig.machine.torn).toBe(false);
  expect(get(rig, "a")).toBe("x");
});

test("machine: an entry that has changed too much refuses what follows and halts nobody", () => {
  const rig = new Rig();
  rig.machine.changeMax = 1000;
  const grow = (key: string) => command(0, "setbit", key, "6399", "1");
  const replies = rig.replies(1000, grow("a"), grow("b"), grow("c"), grow("d"), set("e", "1"));
  expect(replies.slice(0, 2)).toEqual(["0", "0"]);
  expect(replies[2]).toMatch(/^-ERR \[ENTRY_CHANGES_TOO_MUCH\] .*; .*; send it again/);
  expect(replies[3]).toBe(replies[2]);
  expect(replies[4]).toBe("OK");
  expect([get(rig, "b")?.length, get(rig, "c"), get(rig, "e")]).toEqual([800, null, "1"]);
  expect(rig.replies(1000, grow("c"))).toEqual(["0"]);
});

test("machine: what an entry has changed counts the same, whatever is resident", () => {
  const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const touch = keys.map((key) => command(0, "expire", key, "100"));
  const change = [
    set("a", "x".repeat(700)),
    command(0, "append", "a", "y".repeat(100)),
    command(0, "copy", "a", "b"),
    set("b", "z", "EX", "100"),
    command(0, "del", "c"),
    command(0, "rename", "d", "c"),
    ...touch,
  ];
  const all = [false, true].map((evicted) => {
    const rig = new Rig();
    rig.machine.changeMax = 500;
    for (const key of keys) rig.batch(1000, set(key, key.repeat(600)));
    rig.shelf.begin();
    rig.shelf.land();
    if (evicted) rig.resident.evictAll();
    return rig.replies(2000, ...change, ...touch);
  });
  expect(all[0]).toEqual(all[1]);
  expect(all[0]?.some((reply) => reply.includes("ENTRY_CHANGES_TOO_MUCH"))).toBe(true);
});

test("machine: time is the greatest timestamp applied and never goes back", () => {
  const rig = new Rig();
  const { machine } = rig;
  rig.batch({ ms: 5000, logical: 3 }, set("a", "1", "PX", "100"));
  expect([machine.timeMs, machine.timeLogical]).toEqual([5000, 3]);
  rig.batch({ ms: 4000, logical: 9 }, set("b", "1", "PX", "100"));
  rig.batch({ ms: 5000, logical: 2 });
  expect([machine.timeMs, machine.timeLogical]).toEqual([5000, 3]);
  rig.databases.nowMs = 0;
  expect(rig.databases.database(0).expireAt(Buffer.from("b"))).toBe(5100);
  rig.batch({ ms: 5000, logical: 4 });
  expect([machine.timeMs, machine.timeLogical]).toEqual([5000, 4]);
  rig.batch({ ms: 2 ** 48 - 1, logical: 0 });
  expect([machine.timeMs, machine.timeLogical]).toEqual([2 ** 48 - 1, 0]);
});

test("machine: a clock ceiling moves time forward alone", () => {
  const rig = new Rig();
  const { machine } = rig;
  rig.batch(1000, set("a", "1", "PX", "500"));
  const ceiling = (hex: string): string[] =>
    rig.payload(opcode.hlcCeiling, Buffer.from(hex, "hex"));
  expect(ceiling("0000000005dc0007")).toEqual([]);
  expect([machine.timeMs, machine.timeLogical, machine.appliedIndex]).toEqual([1500, 7, 2]);
  expect(get(rig, "a")).toBe(null);
  ceiling("0000000005db0008");
  expect([machine.timeMs, machine.timeLogical, machine.appliedIndex]).toEqual([1500, 7, 3]);
  expect(rig.resident.dirty.length).toBe(1);
});

test("machine: reads of clients between the commands move no clock and no place", () => {
  const rig = new Rig();
  rig.sink.between = () => {
    rig.databases.nowMs = 99_999;
    rig.databases.database(0).exists(Buffer.from("a"));
    rig.resident.evictAll();
  };
  const transaction = { watches: [], commands: [set("t", "1", "PX", "50"), set("u", "1")] };
  rig.batch(1000, set("a", "1", "PX", "50"), transaction, set("b", "1", "PX", "50"));
  rig.databases.nowMs = 1000;
  for (const [key, ordinal] of [
    ["a", 0],
    ["t", 1],
    ["b", 2],
  ] as const) {
    expect(rig.databases.database(0).expireAt(Buffer.from(key))).toBe(1050);
    expect(watch(rig, key)).toMatchObject({ index: 1, ordinal });
  }
});

test("machine: a transaction runs whole while its watches hold", () => {
  const rig = new Rig();
  rig.batch(1000, set("a", "1"));
  const watches = [watch(rig, "a"), watch(rig, "absent"), watch(rig, "a", 5)];
  rig.shelf.begin();
  rig.shelf.land();
  rig.resident.evictAll();
  const commands = [command(0, "incr", "a"), command(0, "incr", "a"), command(5, "incr", "a")];
  expect(rig.batch(1001, set("b", "x"), { watches, commands }, set("c", "y"))).toEqual([
    ...["before 0", "OK", "begin 1 kept", "inner 1.0", "2", "inner 1.1", "3", "inner 1.2", "1"],
    ...["end 1", "before 2", "OK"],
  ]);
  expect(watch(rig, "a")).toMatchObject({ index: 2, ordinal: 1 });
});

test("machine: an error in a transaction stops nothing of it, as in Redis", () => {
  const rig = new Rig();
  const commands = [set("a", "x"), command(0, "incr", "a"), set("b", "y")];
  const calls = rig.batch(1000, { watches: [], commands });
  expect(calls).toContain("-ERR value is not an integer or out of range");
  expect(get(rig, "b")).toBe("y");
});

test.each<[string, (rig: Rig) => unknown]>([
  ["set again to the same value", (rig) => rig.batch(1001, set("a", "1"))],
  ["deleted", (rig) => rig.batch(1001, command(0, "del", "a"))],
  ["deleted and set again", (rig) => rig.batch(1001, command(0, "del", "a"), set("a", "1"))],
  ["renamed away", (rig) => rig.batch(1001, command(0, "rename", "a", "z"))],
  ["given an expiry", (rig) => rig.batch(1001, command(0, "expire", "a", "100"))],
  ["gone by its expiry", (rig) => rig.batch(9000)],
  ["flushed", (rig) => rig.batch(1001, command(0, "flushdb"))],
  ["swapped", (rig) => rig.batch(1001, command(0, "swapdb", "0", "1"))],
])("machine: nothing of a transaction runs when a watched key was %s", (_name, change) => {
  const rig = new Rig();
  rig.batch(1000, set("a", "1", "PX", "5000"), command(1, "set", "a", "1"), set("b", "2"));
  const watches = [watch(rig, "b"), watch(rig, "a")];
  change(rig);
  const commands = [set("c", "3"), command(0, "set", "d", "4")];
  expect(rig.batch(1002, { watches, commands })).toEqual(["begin 0 violated", "end 0"]);
  expect([get(rig, "c"), get(rig, "d")]).toEqual([null, null]);
});

test("machine: a watched key that was absent must be so still", () => {
  const rig = new Rig();
  const watches = [watch(rig, "a")];
  rig.batch(1000, set("a", ""));
  expect(rig.batch(1000, { watches, commands: [] })).toEqual(["begin 0 violated", "end 0"]);
});

test("machine: a watched key that was absent may not have been there in between", () => {
  const rig = new Rig();
  rig.batch(1000, set("a", "1"), command(0, "del", "a"));
  const watches = [watch(rig, "a")];
  expect(rig.batch(1001, { watches, commands: [] })).toEqual(["begin 0 kept", "end 0"]);
  rig.batch(1002, set("a", "1"), command(0, "del", "a"));
  rig.shelf.begin();
  rig.shelf.land();
  rig.resident.evictAll();
  expect(rig.batch(1003, { watches, commands: [] })).toEqual(["begin 0 violated", "end 0"]);
});

test.each(["flushdb", "flushall", "swapdb 0 1"])(
  "machine: an absent key that was made and vanished by %s may not have been there in between",
  (text) => {
    const rig = new Rig();
    const [name, ...args] = text.split(" ") as [string, ...string[]];
    const change = command(0, name, ...args);
    const holdsAfter = (...entries: Parameters<Rig["batch"]>[1][][]): boolean => {
      rig.batch(1000, command(0, "flushall"), command(0, "set", "b", "1"));
      const { index, ordinal } = watch(rig, "a");
      expect(ordinal).toBe(absentOrdinal);
      for (const items of entries) rig.batch(1000, ...items);
      expect(get(rig, "a")).toBe(null);
      return rig.machine.watchHolds(0, Buffer.from("a"), index, ordinal);
    };
    const made = set("a", "1");
    expect(holdsAfter([made], [change])).toBe(false);
    expect(holdsAfter([made, change])).toBe(false);
    expect(holdsAfter([{ watches: [], commands: [made, change] }])).toBe(false);
    // Just before the change it was absent: nothing was lost.
    expect(holdsAfter([change])).toBe(true);
    expect(holdsAfter([change, set("b", "2")])).toBe(true);
  },
);

test("machine: a key that came and went by two SWAPDB was there in between", () => {
  const rig = new Rig();
  rig.batch(1000, command(1, "set", "a", "1"));
  const watches = [watch(rig, "a")];
  rig.batch(1001, command(0, "swapdb", "0", "1"));
  rig.batch(1002, command(0, "swapdb", "0", "1"));
  expect(get(rig, "a")).toBe(null);
  expect(rig.batch(1003, { watches, commands: [] })).toEqual(["begin 0 violated", "end 0"]);
});

test("machine: an expire entry deletes what has expired at its time, and nothing else", () => {
  const rig = new Rig();
  const keys = ["soon", "later", "never", "absent"].map((key) => Buffer.from(key));
  rig.batch(1000, set("soon", "1", "PX", "500"), set("later", "1", "PX", "501"), set("never", "1"));
  const expire = { code: expireCode, database: 0, args: keys };
  expect(rig.batch(1499, expire, { ...expire, database: 1 })).toEqual([]);
  expect(rig.machine.expiredKeys).toBe(0);
  rig.batch(1500, expire);
  expect(rig.machine.expiredKeys).toBe(1);
  rig.databases.nowMs = 0;
  const exists = keys.map((key) => rig.databases.database(0).exists(key));
  expect(exists).toEqual([false, true, true, false]);
});

test("machine: control entries reach control with their header and body, and only they", () => {
  const rig = new Rig();
  for (const code of [opcode.registration, opcode.bootstrap, opcode.keyring])
    expect(rig.payload(code, Buffer.from([code, 0xaa]))).toEqual([]);
  expect(rig.controls).toEqual([
    [1, 9n, 3, "03aa"],
    [2, 9n, 4, "04aa"],
    [3, 9n, 5, "05aa"],
  ]);
  expect(rig.machine.appliedIndex).toBe(3);
});

/**
 * The entry throws and the index stays. If anything of it was begun, nothing can be applied after
 * it; if not, an operator may let it pass.
 */
function expectHalt(rig: Rig, attempt: () => unknown, code: string, begun = true): void {
  const before = rig.machine.appliedIndex;
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(rig.machine.appliedIndex).toBe(before);
  expect(rig.machine.torn).toBe(begun);
  if (begun) expect(() => rig.batch(2000, set("after", "1"))).toThrow(AssertionError);
}

test("machine: unknown opcodes halt", () => {
  for (let code = 0; code < 256; code++) {
    if (code >= opcode.batch && code <= opcode.keyring) continue;
    const rig = new Rig();
    expectHalt(rig, () => rig.payload(code, Buffer.alloc(8)), "ENTRY_OPCODE_UNKNOWN", false);
    expect(rig.controls).toEqual([]);
  }
});

test("machine: unknown command codes halt, in transactions too", () => {
  for (const code of [0, 3, 0xff, 0x100, 0xffff]) {
    const unknown = { code, database: 0, args: [] };
    const rig = new Rig();
    expectHalt(rig, () => rig.batch(1000, set("a", "1"), unknown), "ENTRY_COMMAND_UNKNOWN");
    const other = new Rig();
    const transaction = { watches: [], commands: [unknown] };
    expectHalt(other, () => other.batch(1000, transaction), "ENTRY_COMMAND_UNKNOWN");
  }
});

test("machine: every truncation of a batch halts, and so does a rest", () => {
  const watches = [{ database: 0, key: Buffer.from("w"), index: 0, ordinal: 0 }];
  const expire = { code: expireCode, database: 0, args: [Buffer.from("a")] };
  const items = [set("a", "1"), { watches, commands: [set("b", "2")] }, expire];
  const body = writeBatch({ ms: 1000, logical: 0 }, items);
  for (let size = 0; size < body.length; size++) {
    const rig = new Rig();
    expectHalt(rig, () => rig.payload(opcode.batch, body.subarray(0, size)), "FORMAT_TRUNCATED");
  }
  const rig = new Rig();
  const longer = Buffer.concat([body, Buffer.alloc(1)]);
  expectHalt(rig, () => rig.payload(opcode.batch, longer), "FORMAT_TRAILING");
});

test("machine: entries that no writer of ours makes halt", () => {
  const cases: [string, number, string][] = [
    ["FORMAT_TRUNCATED", opcode.hlcCeiling, "00000000000000"],
    ["FORMAT_TRAILING", opcode.hlcCeiling, "000000000000000000"],
    ["FORMAT_VERSION", opcode.batch, "0000000000000000000000010001010000000000000000"],
    ["FORMAT_RANGE", opcode.batch, "0000000000000000000000010201100000000000000000"],
  ];
  for (const [code, opcodeOf, body] of cases) {
    const rig = new Rig();
    expectHalt(rig, () => rig.payload(opcodeOf, Buffer.from(body, "hex")), code);
  }
  const rig = new Rig();
  const nothing = Buffer.alloc(0);
  const apply = () => rig.machine.apply(1, rig.header, nothing, 0, 0, discardSink);
  expectHalt(rig, apply, "FORMAT_TRUNCATED", false);
});

test("machine: a record that does not open halts apply: the others went on with its value", () => {
  const rig = new Rig();
  rig.shelf.load = () => {
    throw new StrongroomError("STORE_RECORD_DAMAGED");
  };
  expectHalt(rig, () => rig.batch(1000, command(0, "incr", "a")), "STORE_RECORD_DAMAGED");
});

test("machine: entries come in order; a skipped one changes nothing but the index", () => {
  const rig = new Rig();
  const before = rig.hash();
  rig.machine.skip(1);
  expect(rig.machine.appliedIndex).toBe(1);
  expect(() => rig.machine.skip(1)).toThrow(AssertionError);
  expect(() => rig.machine.skip(3)).toThrow(AssertionError);
  const apply = (index: number) => () =>
    rig.machine.apply(index, rig.header, Buffer.of(opcode.batch), 0, 1, discardSink);
  expect(apply(1)).toThrow(AssertionError);
  expect(apply(3)).toThrow(AssertionError);
  expect(rig.machine.torn).toBe(false);
  expect(rig.hash()).toBe(before);
});

test("machine: replaying without anybody waiting gives the same state", () => {
  const [waited, replayed] = [new Rig(), new Rig()];
  const transaction = { watches: [], commands: [set("b", "2"), command(0, "incr", "b")] };
  const items = [set("a", "1"), command(0, "incr", "a"), transaction];
  const body = writeBatch({ ms: 1000, logical: 0 }, items);
  waited.payload(opcode.batch, body);
  const payload = Buffer.concat([Buffer.of(opcode.batch), body]);
  replayed.machine.apply(1, replayed.header, payload, 0, payload.length, discardSink);
  expect(replayed.hash()).toBe(waited.hash());
});
