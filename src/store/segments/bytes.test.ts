// Goal: the order of keys by counting is the one by comparing, and copies by words are copies.
// Method: random heads with many that share their upper or lower halves, and many that are equal.
import fc from "fast-check";
import { expect, test } from "vitest";
import { copyWords, ranksOf, viewOf } from "./bytes.ts";

test("ranks are those of ascending heads, equal ones as they stand", () => {
  const half = fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff);
  const near = fc.tuple(half, half).map(([high, low]) => high * 0x1_0000 + low);
  const heads = fc.oneof(near, fc.integer({ min: 0, max: 0xffff_ffff }));
  fc.assert(
    fc.property(fc.array(heads, { maxLength: 300 }), (all) => {
      const order = all.map((_head, place) => place).sort((a, b) => all[a]! - all[b]! || a - b);
      const ranks = ranksOf(Uint32Array.from(all));
      expect(order.map((place) => ranks[place])).toEqual(all.map((_head, rank) => rank));
    }),
    { numRuns: 300 },
  );
});

test("words and what is left behind them are copied, and nothing beside them", () => {
  const from = Buffer.from("abcdefghijklmnop");
  for (let length = 0; length <= 13; length++) {
    const to = Buffer.alloc(20, ".");
    copyWords(viewOf(from), 1, viewOf(to), 3, length);
    const copied = from.toString("latin1", 1, 1 + length);
    expect(to.toString()).toBe(`...${copied}${".".repeat(17 - length)}`);
  }
});
