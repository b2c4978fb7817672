// Goal: words give what bytes give, at every length and from every address.
import fc from "fast-check";
import { expect, test } from "vitest";
import { invertBytes, type Merge, mergeBytes } from "./words.ts";

const ops: Record<Merge, (a: number, b: number) => number> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

test("words: long and short strings are merged and inverted byte for byte", () => {
  const lengths = fc.oneof(fc.nat(300), fc.integer({ min: 16_000, max: 40_000 }));
  fc.assert(
    fc.property(lengths, fc.nat(7), fc.nat(200), fc.nat(), (length, from, more, seed) => {
      const bytes = (n: number, add: number): Uint8Array =>
        Uint8Array.from({ length: n }, (_, i) => (Math.imul(i + seed, 2654435761) >>> 13) + add);
      const source = bytes(length + from, 1).subarray(from);
      for (const op of ["and", "or", "xor"] as const) {
        const result = Buffer.from(new ArrayBuffer(length + more));
        result.set(bytes(length + more, 2));
        const expected = Buffer.from(result);
        for (let i = 0; i < length; i++)
          expected[i] = ops[op](expected[i] as number, source[i] as number);
        mergeBytes(op, result, source, length);
        expect(result.equals(expected), op).toBe(true);
        const inverted = Buffer.from(result).map((byte) => ~byte);
        invertBytes(result);
        expect(result.equals(inverted)).toBe(true);
      }
    }),
  );
});
