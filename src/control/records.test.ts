// Goal: the control records keep their layout, carry the whole state there and back, and a row that
// was changed or lost is refused, never half believed.
import { describe, expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { type ControlRecord, stateBytes, takeChangedRecords, toRecords } from "./records.ts";
import { fromRecords } from "./restore.ts";
import { admit, Cluster, key, nodeA, nodeB, salt, sessionOf } from "./testing/cluster.ts";
import { deps } from "./testing/world.ts";

const hex = (saltByte: number): string => salt(saltByte).toString("hex");

function full(): Cluster {
  const world = new Cluster();
  world.bootstrap();
  world.register(2, nodeB, 3, 20);
  world.change({ kind: "enable-storage" });
  world.change({ kind: "enable-log" });
  return world;
}

test("golden vectors", () => {
  const read = toRecords(full().state).map(({ table, key, value }) => {
    const name = key.toString("latin1").replace(/[^!-~]/g, (c) => `<${c.charCodeAt(0)}>`);
    return [table, name, value.toString("hex")];
  });
  const wraps = `010474657374003c${"01".repeat(60)}`;
  const key = (purpose: number): string =>
    `010${purpose}01${"0000000000000001".repeat(2)}${"00".repeat(16)}${wraps}`;
  const event = (kind: string, index: number, detail = ""): unknown[] => [
    6,
    `!encryption|history|${"<0>".repeat(7)}<${index}>`,
    `010000000000000000e6971cc22078cb53${kind}00000000${"00".repeat(17)}` +
      `00${Buffer.from([detail.length]).toString("hex")}${Buffer.from(detail).toString("hex")}`,
  ];
  expect(read).toEqual([
    [1, "!encryption|keys|<0><0><0><1>", key(1)],
    [1, "!encryption|keys|<0><0><0><2>", key(2)],
    [1, "!encryption|keys|<0><0><0><3>", key(3)],
    [2, "!encryption|writers|<0><0><0><1>|<203>S", "e6971cc22078cb5300010001"],
    [2, "!encryption|writers|<0><0><0><2>|<203>S", "e6971cc22078cb5300010001"],
    [2, "!encryption|writers|<0><0><0><2>|<205><6>", "e6971dc22078cd0600030003"],
    [3, "!encryption|loads|<0><0><0><1><203>S", `0001${hex(2)}000000000000000000`],
    [3, "!encryption|loads|<0><0><0><2><203>S", `0001${hex(1)}000000000000000201`],
    [3, "!encryption|loads|<0><0><0><2><205><6>", `0003${hex(20)}000000000000000001`],
    [4, "!encryption|cutovers", "0100000000000000030000000000000004"],
    [
      5,
      "!encryption|meta",
      `01${"c1".repeat(16)}00000000000000040000000100000000` +
        "0000000300000000000000000000000000000001" +
        "1d9f8590265bdcd7ce89aeae132acf59f1611d22a0e7b6418b903ef9aea16c12",
    ],
    event("01", 1, "storage key 1, log key 2, index key 3"),
    event("08", 3),
    event("09", 4),
  ]);
});

describe("there and back", () => {
  test("the state is the same", () => {
    const { state } = full();
    const again = fromRecords(toRecords(state).reverse(), deps);
    expect(stateBytes(again)).toEqual(stateBytes(state));
    expect(again.active("log")?.id).toBe(2);
    expect([...again.current.keys()].sort()).toEqual([...state.current.keys()].sort());
    expect(takeChangedRecords(again)).toEqual([]);
  });
  test("no records: the state before the bootstrap, which has none", () => {
    const empty = fromRecords([], deps);
    expect(empty.bootstrapped).toBe(false);
    expect(toRecords(empty)).toEqual([]);
  });
  test("only what changed is taken, once; a batch changes its session's row alone", () => {
    const { state } = full();
    expect(takeChangedRecords(state)).toEqual(toRecords(state));
    expect(takeChangedRecords(state)).toEqual([]);
    const session = sessionOf(20);
    for (let seq = 1; seq < 5; seq++)
      expect(admit(state, { keyId: 2, session, seq }, 10 + seq)).toBe("apply");
    const [one, ...more] = takeChangedRecords(state);
    expect(more).toEqual([]);
    expect(one?.value.readBigUInt64BE(34)).toBe(4n);
  });
  test("a retired key's rows are deleted in the store too", () => {
    const world = full();
    world.change({
      kind: "add",
      keyId: key(4),
      purpose: "storage",
      previous: key(1),
      wraps: [{ kekId: "k", bytes: Buffer.from([1]) }],
    });
    world.change({
      kind: "activate",
      keyId: key(4),
      purpose: "storage",
      previous: key(1),
      registrations: [],
    });
    takeChangedRecords(world.state);
    world.change({ kind: "fence", keyId: key(1) });
    world.change({ kind: "retire", keyId: key(1) });
    const deleted = takeChangedRecords(world.state).filter((record) => record.deleted);
    expect(deleted.map((record) => record.table)).toEqual([2, 3]);
    expect(world.state.writer(1, nodeA.node16)).toBeNull();
  });
});

describe("damage", () => {
  const rows = toRecords(full().state);
  const refused = (records: ControlRecord[]): void => {
    try {
      fromRecords(records, deps);
    } catch (error) {
      expect(error).toBeInstanceOf(StrongroomError);
      expect((error as StrongroomError).code).toBe("CONTROL_RECORDS_DAMAGED");
      return;
    }
    expect.unreachable("accepted");
  };
  test("a missing row is refused, unless it says that something is not there", () => {
    for (const lost of rows) refused(rows.filter((row) => row !== lost));
  });
  test("a row twice, of another table, cut or padded is refused", () => {
    for (const row of rows) {
      const others = rows.filter((one) => one !== row);
      if (row.table <= 3) refused([...rows, row]);
      refused([...others, { ...row, table: row.table === 6 ? 1 : 6 }]);
      refused([...others, { ...row, table: 7 }]);
      refused([...others, { ...row, value: Buffer.concat([row.value, Buffer.alloc(1)]) }]);
      refused([...others, { ...row, key: Buffer.concat([row.key, Buffer.alloc(1)]) }]);
      for (let size = 0; size < row.value.length; size++)
        refused([...others, { ...row, value: row.value.subarray(0, size) }]);
    }
  });
  test("of another cluster", () => {
    expect(() => fromRecords(rows, deps, Buffer.alloc(16, 9))).toThrow(/SIDECAR_FOREIGN/);
  });
});
