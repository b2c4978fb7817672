// Goal: a list holds what was added, in order, however it grows, and keeps nothing when cleared.
import fc from "fast-check";
import { expect, test } from "vitest";
import { IdList } from "./idlist.ts";

test("id list: it equals an array, whatever is added one by one or together", () => {
  const step = fc.oneof(
    fc.nat().map((id) => [id]),
    fc.array(fc.nat(), { maxLength: 3000, size: "max" }),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.nat(5), (steps, skip) => {
      const list = new IdList();
      let known: number[] = [];
      for (const ids of steps) {
        if (ids === null) {
          list.clear();
          known = [];
        } else if (ids.length === 1) {
          list.push(ids[0]!);
          known.push(ids[0]!);
        } else {
          const source = Int32Array.from([...Array(skip).fill(-1), ...ids, -2]);
          list.append(source, skip, skip + ids.length);
          known.push(...ids);
        }
        expect(list.length).toBe(known.length);
        expect([...list.view]).toEqual(known);
      }
    }),
  );
});
