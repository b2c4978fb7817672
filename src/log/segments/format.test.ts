import { expect, test } from "vitest";
import { blockBytes, fileSeed, frameHeaderBytes } from "../../files/framing.ts";
import { decodeFileHeader, encodeFileHeader } from "../../files/header.ts";
import { flipBit } from "../../files/testing/bytes.ts";
import { Batch } from "./batch.ts";
import {
  decodeLogHeader,
  decodeLogState,
  encodeLogHeader,
  encodeLogState,
  freeFileName,
  type LogState,
  logFileKind,
  logFileName,
  parseFileName,
} from "./format.ts";

const identity = { cluster: Buffer.from("00112233445566778899aabbccddeeff", "hex"), group: 258 };
const state: LogState = {
  firstFile: 3,
  lastFile: 5,
  firstIndex: 100,
  durable: 99,
  recycleFrom: 4,
  clean: true,
};
const u64 = (value: number) => value.toString(16).padStart(16, "0");

test("a log file's header has the documented bytes", () => {
  const body = encodeLogHeader(identity, 2 ** 40 + 7);
  const place = "00112233445566778899aabbccddeeff" + "0102";
  expect(body.toString("hex")).toBe(place + u64(2 ** 40 + 7));
  const block = encodeFileHeader(logFileKind, body);
  const start = `${Buffer.from("SRLOGSEG").toString("hex")}01001a${body.toString("hex")}`;
  expect(block.toString("hex", 0, 37)).toBe(start);
  expect(block.toString("hex", 4092)).toBe("dfda5f98");
  const found = decodeFileHeader(logFileKind, block, "f");
  expect(decodeLogHeader(identity, found, "f")).toBe(2 ** 40 + 7);
});

test("the manifest's entry has the documented bytes; cut or out of range it is refused", () => {
  const entry = encodeLogState(identity, state);
  const place = "00112233445566778899aabbccddeeff" + "0102";
  const numbers = [3, 5, 100, 99, 4].map(u64).join("");
  expect(entry.toString("hex")).toBe(`${place}${numbers}01`);
  expect(decodeLogState(identity, entry, "m")).toEqual(state);
  for (let size = 0; size < entry.length; size++)
    expect(() => decodeLogState(identity, entry.subarray(0, size), "m")).toThrow(
      /^\[(FORMAT|LOG)_/,
    );
  expect(() => decodeLogState(identity, Buffer.concat([entry, entry]), "m")).toThrow(
    "FORMAT_TRAILING",
  );
  for (let bit = 0; bit < 18 * 8; bit++)
    expect(() => decodeLogState(identity, flipBit(entry, bit), "m")).toThrow("LOG_FILE_FOREIGN");
  expect(() => decodeLogState(identity, flipBit(entry, 58 * 8 + 1), "m")).toThrow("FORMAT_VERSION");
  const odd = Buffer.from(entry);
  odd.writeUInt8(6, 18 + 7);
  expect(() => decodeLogState(identity, odd, "m")).toThrow("FORMAT_RANGE");
});

test("a batch has the documented bytes, is padded to whole blocks, and tells its indexes", () => {
  const batch = new Batch(Buffer.alloc(2 * blockBytes, 0xee));
  const seen: unknown[] = [];
  for (const text of ["first", "2nd"])
    batch.add(Buffer.from(text), false, (error, index) => seen.push([error, index]));
  const data = batch.seal(fileSeed(9), 3 * blockBytes, 70_000);
  expect(data.length).toBe(blockBytes);
  const body = ["0000000000011170", "00000002", "00000005", "6669727374", "00000003", "326e64"];
  const frame = ["0000001c", "9c4d9cf8", "0000000000003000", ...body].join("");
  expect(data.toString("hex", 0, frameHeaderBytes + 28)).toBe(frame);
  expect(data.subarray(frameHeaderBytes + 28).every((byte) => byte === 0)).toBe(true);
  batch.settle();
  expect(seen).toEqual([
    [null, 70_000],
    [null, 70_001],
  ]);
});

test("names", () => {
  expect([logFileName(7), freeFileName(12_345_678_901)]).toEqual([
    "0000000007.log",
    "12345678901.free",
  ]);
  expect(parseFileName("0000000007.log")).toEqual({ kind: "log", number: 7 });
  expect(parseFileName("12345678901.free")).toEqual({ kind: "free", number: 12_345_678_901 });
  expect(parseFileName("manifest").kind).toBe("manifest");
  for (const name of ["manifest.tmp", "next.tmp"])
    expect(parseFileName(name).kind).toBe("temporary");
  for (const name of ["7.log", "00000000007.log", "0000000000.log", "0000000007.log.1", ".log", ""])
    expect(parseFileName(name).kind).toBe("unknown");
});
