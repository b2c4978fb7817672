// Goal: the quick way with numbers is the exact way where it applies, and nowhere else.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseInt64 } from "./args.ts";
import { integerBytes, smallInteger } from "./numbers.ts";

const small = (text: string): number => {
  const bytes = Buffer.from(`x${text}y`, "latin1");
  return smallInteger(bytes, 1, bytes.length - 1);
};

test("numbers: integers of 15 digits are read, the others are NaN", () => {
  for (const n of [0, 1, -1, 42, 999999999999999, -999999999999999])
    expect(small(String(n))).toBe(n);
  for (const text of ["", "-", "-0", "01", "+1", " 1", "1 ", "1.0", "1000000000000000", "a", "1a"])
    expect(small(text)).toBeNaN();
});

test("numbers: what is read agrees with the exact reader", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."-0123456789") }), (text) => {
      const quick = small(text);
      const bytes = Buffer.from(text);
      const exact = parseInt64(bytes, 0, bytes.length);
      return Number.isNaN(quick) ? exact === null || text.length > 15 : BigInt(quick) === exact;
    }),
  );
});

test("numbers: a safe integer is written as its decimal text", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (n) => integerBytes(n).toString() === String(n)));
  for (const n of [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
    expect(integerBytes(n).toString()).toBe(String(n));
});
