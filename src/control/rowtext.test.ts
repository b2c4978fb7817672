// Goal: rows survive the store as text, and nothing else is taken for one.
import fc from "fast-check";
import { expect, test } from "vitest";
import { rowText, rowValue } from "./rowtext.ts";

test("a row comes back as it was", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(rowValue(rowText(Buffer.from(bytes))).equals(bytes)).toBe(true);
    }),
  );
});

test("every changed or cut character is refused or changes the row", () => {
  const row = Buffer.from("00ff10a1b2c3d4", "hex");
  const stored = rowText(row);
  for (const wrong of ["!", "AAA", "AB==", "AA=A", " AAA", stored.toString("latin1").slice(0, -1)])
    expect(() => rowValue(Buffer.from(wrong, "latin1"))).toThrow("CONTROL_RECORDS_DAMAGED");
});
