// Goal: results are those of an x87 long double, bit for bit; the differential test compares them
// with redis-server too.
import fc from "fast-check";
import { expect, test } from "vitest";
import { addLongDouble, formatLongDouble, parseLongDouble } from "./longdouble.ts";

function sum(...texts: string[]): string | null {
  let total = parseLongDouble("0");
  for (const text of texts) {
    const value = parseLongDouble(text);
    total = total && value && addLongDouble(total, value);
  }
  return total && formatLongDouble(total);
}

test.each<[string[], string]>([
  [["10.5", "0.1"], "10.6"],
  [["3.0e3"], "3000"],
  [["0.1", "0.2"], "0.3"],
  [["5.0e3", "2.0e2"], "5200"],
  [["1", "-1"], "0"],
  [["-0"], "0"],
  [["-1e-30"], "0"],
  [["1e-17"], "0.00000000000000001"],
  [["4e-18"], "0"],
  [["1.5", "1e-17"], "1.50000000000000001"],
  [["17976931348623157081452742373170435", "1"], "17976931348623157081915836705275904"],
  [["0x1p-3"], "0.125"],
  [["0X.8"], "0.5"],
  [["0x1.8p1", "1"], "4"],
  [["18446744073709551616", "1"], "18446744073709551616"],
  // Ties go to the even neighbour.
  [["9223372036854775808", "0.5"], "9223372036854775808"],
  [["-128.000000000004"], "-128.00000000000399999"],
])("long double: the sum of %j is %s", (texts, expected) => {
  expect(sum(...texts)).toBe(expected);
});

test("long double: what is no finite number is refused", () => {
  for (const text of ["", " 1", "1 ", "x", "nan", "1e", "e5", ".", "-", "0x", "0xg", "1e5000"])
    expect(parseLongDouble(text)).toBeNull();
  for (const text of ["1e-5000", "1e999999999999", "1e-999999999999", "0x1p99999", "0x1p-99999"])
    expect(parseLongDouble(text)).toBeNull();
  expect(parseLongDouble("9".repeat(5 * 1024))).toBeNull();
});

test("long double: infinity is a number that cannot be added to", () => {
  expect(parseLongDouble("-Infinity")).toMatchObject({ infinite: true, negative: true });
  expect(sum("inf", "1")).toBeNull();
  expect(sum("1.1e4932", "1.1e4932")).toBeNull();
  expect(sum("1.1e4932", "-1.1e4932")).toBe("0");
});

test("long double: 64-bit integers are exact", () => {
  fc.assert(fc.property(fc.bigInt(-(2n ** 64n), 2n ** 64n), (n) => sum(String(n)) === String(n)));
});

test("long double: decimals that 64 bits hold come back as they were", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.nat(999999999999), (negative, digits) => {
      const fraction = String(digits).padStart(12, "0").replace(/0+$/, "");
      const text = fraction === "" ? "0" : `${negative ? "-" : ""}0.${fraction}`;
      return sum(text) === text;
    }),
  );
});
