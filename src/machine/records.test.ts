// Goal: what the machine keeps in the store never drifts, comes back whole, and is refused when it
// is cut, padded or impossible.
import { expect, test } from "vitest";
import {
  deletionsRecord,
  keyspacesRecord,
  restoreRecord,
  tableDeletions,
  tableKeyspaces,
  tableTime,
  timeRecord,
} from "./records.ts";
import { command, Rig } from "./testing/rig.ts";

const u32 = (n: number): string => n.toString(16).padStart(8, "0");

test("records: the bytes are as documented", () => {
  const { machine, databases } = new Rig();
  expect([tableKeyspaces, tableTime]).toEqual([0x20, 0x21]);
  databases.flush(2);
  databases.swap(0, 15);
  const ids = [16, 2, 17, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1];
  expect(keyspacesRecord(machine).toString("hex")).toBe(`01${[18, ...ids].map(u32).join("")}`);
  machine.timeMs = 0x010203040506;
  machine.timeLogical = 0x0708;
  expect(timeRecord(machine).toString("hex")).toBe("010102030405060708");
});

test("records: another machine takes them over", () => {
  const one = new Rig();
  one.batch({ ms: 2 ** 47 + 3, logical: 0xfffe });
  one.databases.swap(1, 3);
  one.databases.flush(3);
  const other = new Rig();
  expect(restoreRecord(other.machine, tableKeyspaces, keyspacesRecord(one.machine))).toBe(true);
  expect(restoreRecord(other.machine, tableTime, timeRecord(one.machine))).toBe(true);
  expect(other.databases.ids).toEqual(one.databases.ids);
  expect(other.databases.nextId).toBe(one.databases.nextId);
  expect(other.databases.changed).toBe(false);
  expect(other.machine.timeMs).toBe(2 ** 47 + 3);
  expect(other.machine.timeLogical).toBe(0xfffe);
  one.batch(9, command(0, "set", "a", "1"), command(0, "del", "a"));
  expect(restoreRecord(other.machine, tableDeletions, deletionsRecord(one.machine))).toBe(true);
  expect(other.resident.deletions.buckets).toEqual(one.resident.deletions.buckets);
  expect(one.resident.deletions.buckets.includes(2)).toBe(true);
  expect(restoreRecord(other.machine, 0x23, Buffer.alloc(0))).toBe(false);
});

test("records: every truncation is refused, and so is a rest; nothing is taken over", () => {
  const { machine, databases } = new Rig();
  for (const [table, whole] of [
    [tableKeyspaces, keyspacesRecord(machine)],
    [tableTime, timeRecord(machine)],
    [tableDeletions, deletionsRecord(machine)],
  ] as const) {
    const longer = Buffer.concat([whole, Buffer.alloc(1)]);
    machine.timeMs = 77;
    databases.nextId = 77;
    for (let size = 0; size < whole.length; size++)
      expect(() => restoreRecord(machine, table, whole.subarray(0, size))).toThrow(
        expect.objectContaining({ code: "FORMAT_TRUNCATED" }),
      );
    expect(() => restoreRecord(machine, table, longer)).toThrow(
      expect.objectContaining({ code: "FORMAT_TRAILING" }),
    );
    const unknown = Buffer.from(whole);
    unknown[0] = 2;
    expect(() => restoreRecord(machine, table, unknown)).toThrow(
      expect.objectContaining({ code: "FORMAT_VERSION" }),
    );
    expect([machine.timeMs, databases.nextId]).toEqual([77, 77]);
  }
});

test("records: keyspace ids that are 0, given twice or not yet given are refused", () => {
  const { machine } = new Rig();
  for (const [place, id] of [
    [3, 0],
    [3, 5],
    [15, 17],
    [0, 0xffff_ffff],
  ] as const) {
    const record = keyspacesRecord(machine);
    record.writeUInt32BE(id, 5 + 4 * place);
    expect(() => restoreRecord(machine, tableKeyspaces, record)).toThrow(
      expect.objectContaining({ code: "FORMAT_RANGE" }),
    );
  }
});
