// Goal: what is written is read back; nothing that is cut, too long or out of range is read.
// Method: golden bytes, every truncation, random values there and back, published FNV vectors.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ByteReader,
  ByteWriter,
  equalBytes,
  fnv1a64,
  letGo,
  putSafe64,
  readRounded64,
  readSafe64,
} from "./bytes.ts";

const whole = (): ByteWriter =>
  new ByteWriter(1)
    .u8(0x01)
    .u16(0x0203)
    .u32(0xfffefdfc)
    .u64(0x8070605040302010n)
    .safe64(2 ** 53 - 1)
    .bytes(Buffer.from("ab"));

function readAll(reader: ByteReader): unknown[] {
  const { buffer } = reader;
  const values = [reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.safe64()];
  const bytes = reader.bytes(2);
  reader.finish();
  expect(bytes.buffer).toBe(buffer.buffer);
  return [...values, bytes.toString()];
}

const values = [1, 0x0203, 0xfffefdfc, 0x8070605040302010n, 2 ** 53 - 1, "ab"];

test("bytes: integers are big-endian and lie side by side", () => {
  expect(whole().finish().toString("hex")).toBe(
    ["01", "0203", "fffefdfc", "8070605040302010", "001fffffffffffff", "6162"].join(""),
  );
  expect(readAll(new ByteReader(whole().finish()))).toEqual(values);
});

test("bytes: every truncation is refused, and so is a rest", () => {
  const bytes = whole().finish();
  for (let size = 0; size < bytes.length; size++) {
    const cut = { code: "FORMAT_TRUNCATED" };
    const read = (reader: ByteReader) => (): unknown => readAll(reader);
    expect(read(new ByteReader(bytes.subarray(0, size)))).toThrow(expect.objectContaining(cut));
    // A range of a larger buffer ends where it says.
    expect(read(new ByteReader(bytes, 0, size))).toThrow(expect.objectContaining(cut));
  }
  const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
  const trailing = expect.objectContaining({ code: "FORMAT_TRAILING" });
  expect(() => readAll(new ByteReader(longer))).toThrow(trailing);
  expect(readAll(new ByteReader(longer, 0, bytes.length))).toEqual(values);
});

test("bytes: a refused read moves nothing", () => {
  const reader = new ByteReader(Buffer.from([1, 2, 3]));
  expect(() => reader.u32()).toThrow();
  expect(() => reader.bytes(4)).toThrow();
  expect(reader.left).toBe(3);
  expect(reader.u8()).toBe(1);
});

test("bytes: a number that is not safe is refused, the greatest that is safe is not", () => {
  const bytes = Buffer.from("0020000000000000", "hex");
  const range = expect.objectContaining({ code: "FORMAT_RANGE" });
  expect(() => new ByteReader(bytes).safe64()).toThrow(range);
  expect(new ByteReader(bytes).u64()).toBe(2n ** 53n);
  expect(() => new ByteWriter().safe64(-1)).toThrow(RangeError);
});

test("bytes: random values come back, however often the buffer grew", () => {
  const item = fc.oneof(
    fc.record({ kind: fc.constant("safe64" as const), n: fc.maxSafeNat() }),
    fc.record({ kind: fc.constant("u32" as const), n: fc.nat(0xffff_ffff) }),
    fc.record({ kind: fc.constant("u8" as const), n: fc.nat(255) }),
  );
  fc.assert(
    fc.property(fc.array(item), fc.uint8Array(), fc.nat(9), (items, tail, size) => {
      const writer = new ByteWriter(size);
      for (const { kind, n } of items) writer[kind](n);
      writer.bytes(tail);
      expect(writer.view().equals(writer.finish())).toBe(true);
      const reader = new ByteReader(writer.finish());
      for (const { kind, n } of items) expect(reader[kind]()).toBe(n);
      expect(equalBytes(reader.bytes(tail.length), tail)).toBe(true);
      reader.finish();
    }),
  );
});

test("bytes: what `finish` returned is not touched by later writes", () => {
  const writer = new ByteWriter(16).u8(1);
  const first = writer.finish();
  writer.at = 0;
  writer.u8(2);
  expect(first).toEqual(Buffer.of(1));
});

test("bytes: equal means the same bytes, whatever the kind of array", () => {
  expect(equalBytes(Buffer.from("ab"), new Uint8Array([97, 98]))).toBe(true);
  expect(equalBytes(Buffer.from("ab"), Buffer.from("abc"))).toBe(false);
  expect(equalBytes(Buffer.from("ab"), Buffer.from("ac"))).toBe(false);
  expect(equalBytes(Buffer.alloc(0), Buffer.alloc(0))).toBe(true);
});

test("FNV-1a-64: vectors of the reference implementation (isthe.com/chongo)", () => {
  const vectors: [string, bigint][] = [
    ["", 0xcbf29ce484222325n],
    ["a", 0xaf63dc4c8601ec8cn],
    ["b", 0xaf63df4c8601f1a5n],
    ["foo", 0xdcb27518fed9d577n],
    ["foobar", 0x85944171f73967e8n],
  ];
  for (const [text, hash] of vectors) expect(fnv1a64(Buffer.from(text))).toBe(hash);
});

test("bytes: safe integers stand in eight bytes; a larger one is read rounded or refused", () => {
  const buffer = Buffer.alloc(10);
  for (const n of [0, 1, 0xffff_ffff, 0x1_0000_0000, 0x1_8000_0001, 2 ** 53 - 1]) {
    putSafe64(buffer, n, 1);
    expect(buffer.readBigUInt64BE(1)).toBe(BigInt(n));
    expect([readSafe64(buffer, 1), readRounded64(buffer, 1)]).toEqual([n, n]);
  }
  for (const n of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    buffer.writeBigUInt64BE(n, 1);
    expect(readRounded64(buffer, 1)).toBe(Number(n));
    expect(() => readSafe64(buffer, 1)).toThrow(expect.objectContaining({ code: "FORMAT_RANGE" }));
  }
  expect([buffer[0], buffer[9]]).toEqual([0, 0]);
});

test("memory that is let go is gone with all its views; what others share, or might, stays", () => {
  const large = Buffer.allocUnsafeSlow(200_000);
  const view = large.subarray(5, 10);
  letGo(view);
  expect([large.length, view.length, large.buffer.byteLength]).toEqual([0, 0, 0]);
  const pooled = Buffer.allocUnsafe(100);
  const shared = new Uint8Array(new SharedArrayBuffer(200_000));
  for (const bytes of [pooled, shared]) {
    const { length } = bytes;
    letGo(bytes);
    expect(bytes.length).toBe(length);
  }
});
