// Goal: the layout of records never drifts; nothing that is cut or unknown is taken for a record.
import { expect, test } from "vitest";
import { putSafe64 } from "../base/bytes.ts";
import {
  checkRecord,
  commitBytes,
  controlBytes,
  kindCommit,
  kindControl,
  kindPut,
  kindTombstone,
  readCommit,
  readControl,
  recordHeaderBytes,
  sealedPutOverhead,
  sequenceAt,
  writeCommit,
  writeControl,
  writeRecordHeader,
} from "./record.ts";

const physical = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

function header(kind: number): Buffer {
  const buffer = Buffer.alloc(kind === kindPut ? sealedPutOverhead : recordHeaderBytes);
  writeRecordHeader(buffer, 0, kind, physical, 0, true, 7, 0x0102030405, 0x1122334455667788n);
  putSafe64(buffer, 9, sequenceAt);
  return buffer;
}

function control(): Buffer {
  const record = { table: 2, deleted: false, key: Buffer.from("key"), value: Buffer.from("v") };
  const buffer = Buffer.alloc(controlBytes(record.key, record.value));
  writeControl(buffer, 0, record);
  putSafe64(buffer, 5, 3);
  return buffer;
}

const fields = { number: 3, appliedIndex: 40, session: 2n ** 63n, seq: 12, commitTs: 99n << 16n };

function commit(): Buffer {
  const buffer = Buffer.alloc(commitBytes);
  writeCommit(buffer, 0, fields, 4);
  return buffer;
}

test("record: golden layouts", () => {
  expect(header(kindTombstone).toString("hex")).toBe(
    "02000102030405060708090a0b0c0d0e0f01000000070000000102030405" +
      "11223344556677880000000000000009",
  );
  expect(control().toString("hex")).toBe("0302000000000000000005" + "0003" + "6b657976");
  expect(commit().subarray(0, 45).toString("hex")).toBe(
    "0400000000000000030000000000000028" +
      "8000000000000000000000000000000c0000000000630000" +
      "00000004",
  );
});

test("record: control and commit read back as they were written", () => {
  expect(readControl(control(), 0, control().length)).toEqual({
    table: 2,
    deleted: false,
    sequence: 5,
    key: Buffer.from("key"),
    value: Buffer.from("v"),
  });
  expect(readCommit(commit(), 0)).toEqual({ ...fields, frames: 4 });
});

test("record: every truncation below the fixed part is refused, and unknown kinds and bits", () => {
  const whole = [
    [header(kindPut), sealedPutOverhead, kindPut],
    [header(kindTombstone), recordHeaderBytes, kindTombstone],
    [control(), 13 + 3, kindControl],
    [commit(), commitBytes, kindCommit],
  ] as const;
  for (const [buffer, fixed, kind] of whole) {
    expect(checkRecord(buffer, 0, buffer.length, true)).toBe(kind);
    for (let length = 0; length < fixed; length++)
      expect(() => checkRecord(buffer, 0, length, true)).toThrow(/FORMAT_/);
  }
  const longer = Buffer.concat([header(kindTombstone), Buffer.alloc(1)]);
  expect(() => checkRecord(longer, 0, longer.length, true)).toThrow(/FORMAT_TRAILING/);
  for (const [at, buffer] of [
    [0, header(kindPut)],
    [17, header(kindPut)],
    [2, control()],
  ] as const) {
    buffer[at] = 5;
    expect(() => checkRecord(buffer, 0, buffer.length, true)).toThrow(/FORMAT_VERSION/);
  }
});
