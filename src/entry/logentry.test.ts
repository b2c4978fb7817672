// Goal: the header of a log entry never drifts; nothing cut or out of range is read.
// Method: a golden vector, every truncation, random headers there and back.
import fc from "fast-check";
import { expect, test } from "vitest";
import { entryHeaderBytes, opcode, readEntryHeader, writeEntryHeader } from "./logentry.ts";

const sample = { keyId: 0x01020304, session: 0xf1f2f3f4f5f6f7f8n, seq: 0x1_0000_0002 };

function encode(header: typeof sample, payload: number): Buffer {
  const entry = Buffer.alloc(entryHeaderBytes + payload, 0xee);
  writeEntryHeader(entry, 0, header);
  return entry;
}

test("log entry: the header has the documented bytes", () => {
  expect(encode(sample, 1).toString("hex")).toBe(
    ["01", "01020304", "f1f2f3f4f5f6f7f8", "0000000100000002", "ee"].join(""),
  );
  expect(opcode).toEqual({
    batch: 1,
    hlcCeiling: 2,
    registration: 3,
    bootstrap: 4,
    keyring: 5,
  });
});

test("log entry: every truncation of the header is refused, and a header without payload", () => {
  const whole = encode(sample, 0);
  const cut = expect.objectContaining({ code: "FORMAT_TRUNCATED" });
  for (let size = 0; size <= whole.length; size++)
    expect(() => readEntryHeader(whole.subarray(0, size))).toThrow(cut);
});

test("log entry: unknown versions and numbers above 2^53 are refused", () => {
  for (let version = 0; version < 256; version++) {
    const entry = encode(sample, 1);
    entry[0] = version;
    if (version === 1) expect(readEntryHeader(entry)).toEqual(sample);
    else
      expect(() => readEntryHeader(entry)).toThrow(
        expect.objectContaining({ code: "FORMAT_VERSION" }),
      );
  }
  const entry = encode(sample, 1);
  entry.writeUInt32BE(0x200000, 13);
  expect(() => readEntryHeader(entry)).toThrow(expect.objectContaining({ code: "FORMAT_RANGE" }));
});

test("log entry: random headers come back; what a bug would number is not written", () => {
  const header = fc.record({
    keyId: fc.nat(0xffff_ffff),
    session: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    seq: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(header, fc.integer({ min: 1, max: 50 }), (one, payload) => {
      expect(readEntryHeader(encode(one, payload))).toEqual(one);
    }),
  );
  for (const seq of [-1, 1.5, 2 ** 53]) expect(() => encode({ ...sample, seq }, 1)).toThrow();
});
