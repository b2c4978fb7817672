// Goal: DUMP writes what Redis 7.0 writes, RESTORE takes what any Redis wrote, and nothing that is
// cut, changed or made up is taken for a value.
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc64 } from "./crc64.ts";
import { lzfCompress, lzfDecompress } from "./lzf.ts";
import { decodePayload, encodePayload, isPayload } from "./payload.ts";

test("payload: the CRC-64 of 123456789 is that of Redis's own test", () => {
  expect(crc64(Buffer.from("123456789"))).toBe(0xe9c6d914c4b8d9can);
});

/** Replies of DUMP, redis-server 7.0.15. */
test.each([
  ["", "00000a005d9b5c400f7fa2da"],
  ["hello", "000568656c6c6f0a006372df766534200a"],
  ["0", "00c0000a009840a778f8500308"],
  ["-1", "00c0ff0a000c937e2485089dc5"],
  ["127", "00c07f0a000db5eb315254c514"],
  ["128", "00c180000a00eb7ab3b510cf4b65"],
  ["-32768", "00c100800a00b540064753bb1ace"],
  ["32768", "00c2008000000a0045d82eedd5bda910"],
  ["2147483647", "00c2ffffff7f0a002c74e59ee02eada1"],
  ["2147483648", "000a323134373438333634380a00e7b129a34c1d76ee"],
  ["-2147483649", "000b2d323134373438333634390a00c261377908f2028c"],
  ["007", "00033030370a007258e27b4c69bad9"],
  ["abcabcabcabcabcabcabcabcabcabc", "00c30b1e0361626361e00f020162630a008874be6d67e59d2a"],
  [
    "The quick brown fox jumps over the lazy dog, and again over the lazy dog.",
    "00c33c40491f54686520717569636b2062726f776e20666f78206a756d7073206f7665722074" +
      "201e126c617a7920646f672c20616e6420616761696ee0091c002e0a00aa8be8773664ba1e",
  ],
  [
    "0123456789012345678901234567890123456789012345678901234567890123456789",
    "00c31240460a3031323334353637383930e030090138390a005de80c288b3dba9d",
  ],
])("payload: %s", (text, hex) => {
  const value = Buffer.from(text);
  expect(encodePayload(value).toString("hex")).toBe(hex);
  expect(decodePayload(Buffer.from(hex, "hex"))).toEqual(value);
});

const values = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer().map((n) => Buffer.from(String(n))),
  fc
    .array(fc.constantFrom("ab", "abc", "aaaa"), { maxLength: 200 })
    .map((parts) => Buffer.from(parts.join(""))),
);

test("payload: every string comes back", () => {
  fc.assert(
    fc.property(values, (value) => {
      const payload = encodePayload(value);
      expect(isPayload(payload)).toBe(true);
      expect(decodePayload(payload)).toEqual(Buffer.from(value));
    }),
  );
});

test("payload: every truncation and every flipped bit is refused", () => {
  const payload = encodePayload(Buffer.from("abcabcabcabcabcabcabcabcabcabc"));
  for (let length = 0; length < payload.length; length++)
    expect(isPayload(payload.subarray(0, length))).toBe(false);
  for (let bit = 0; bit < payload.length * 8; bit++) {
    const flipped = Buffer.from(payload);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(isPayload(flipped)).toBe(false);
  }
});

test("payload: made up bytes are a value or none, and never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      decodePayload(Buffer.from([0, ...bytes]));
    }),
  );
});

test("lzf: what was compressed comes back, and only at its own length", () => {
  fc.assert(
    fc.property(values, (value) => {
      const packed = lzfCompress(value, value.length + 64);
      if (value.length === 0) return packed === null;
      expect(lzfDecompress(packed as Uint8Array, value.length)).toEqual(Buffer.from(value));
      expect(lzfDecompress(packed as Uint8Array, value.length + 1)).toBeNull();
      expect(lzfDecompress(packed as Uint8Array, value.length - 1)).toBeNull();
      return true;
    }),
  );
});

test("lzf: a length that no input reaches takes no memory", () => {
  const before = process.memoryUsage().arrayBuffers;
  const made = Array.from({ length: 20 }, () => lzfDecompress(Buffer.alloc(100), 512 << 20));
  expect(made.every((one) => one === null)).toBe(true);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
});
