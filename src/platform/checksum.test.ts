// Goal: a file written with the addon reads without it, and the other way round.
// Method: the check value of the catalogue, then random ranges against zlib.
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32Of } from "./checksum.ts";

test("crc32: the check value of the published catalogue", () => {
  expect(crc32Of(Buffer.from("123456789"), 0, 9, 0)).toBe(0xcbf43926);
});

test("crc32: equals zlib for every length, offset and start", () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 700 });
  fc.assert(
    fc.property(bytes, fc.nat(80), fc.integer({ min: 0, max: 0xffff_ffff }), (data, cut, start) => {
      const at = Math.min(cut, data.length);
      const expected = crc32(data.subarray(at), start);
      expect(crc32Of(data, at, data.length - at, start)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test("crc32: a range outside the data is refused or empty, never read", () => {
  const data = Buffer.alloc(64, 1);
  for (const [at, length] of [
    [0, 65],
    [65, 0],
    [60, 5],
  ] as const) {
    const run = (): number => crc32Of(data, at, length, 0);
    let found = -1;
    try {
      found = run();
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      continue;
    }
    expect(found).toBe(crc32(data.subarray(at, at + length), 0));
  }
});
