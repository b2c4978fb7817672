// Goal: a queue gives what an array gives, and takes as long for each however long it is.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Queue } from "./queue.ts";

test("queue: does what an array does", () => {
  const steps = fc.array(fc.constantFrom("push", "push", "push", "shift", "shift", "pop"), {
    maxLength: 5000,
  });
  fc.assert(
    fc.property(steps, (names) => {
      const queue = new Queue<number>();
      const array: number[] = [];
      for (const [n, name] of names.entries()) {
        if (name === "push") {
          queue.push(n);
          array.push(n);
        } else if (name === "shift") expect(queue.shift()).toBe(array.shift());
        else expect(queue.pop()).toBe(array.pop());
        expect([queue.length, queue.first]).toEqual([array.length, array[0]]);
      }
    }),
    { numRuns: 20 },
  );
});

test("queue: what was taken is let go", () => {
  const queue = new Queue<number>();
  for (let n = 0; n < 100_000; n++) queue.push(n);
  for (let n = 0; n < 100_000; n++) expect(queue.shift()).toBe(n);
  expect((queue as unknown as { items: unknown[] }).items.length).toBe(0);
});
