// Goal: one run's memory serves the next; what a large one has touched is not held on to.
import { beforeEach, expect, test } from "vitest";
import type { RunMemory } from "./run.ts";
import { Runs } from "./runs.ts";

const MiB = 1024 * 1024;
let given = 0;
beforeEach(() => {
  given = 0;
});

// Pages that nothing touches: memory that is only counted.
const memory: RunMemory = {
  alignedBuffer: (bytes) => Buffer.from(new SharedArrayBuffer(bytes) as never),
  giveBack: () => void given++,
};

test("runs: memory is used again, and counts while it is held", () => {
  const runs = new Runs(memory, 4096);
  const first = runs.take(10_000);
  expect(runs.bytes).toBe(0);
  first.bytes = 9000;
  expect(runs.bytes).toBe(9000);
  runs.give(first);
  expect([runs.bytes, first.bytes]).toEqual([9000, 0]);
  const second = runs.take(100);
  expect(second).toBe(first);
  second.bytes = 50;
  expect(runs.bytes).toBe(9000);
  runs.give(second);
  expect(given).toBe(0);
  // Too small for what comes: given up.
  expect(runs.take(50_000)).not.toBe(first);
  expect([runs.bytes, given]).toEqual([0, 1]);
});

test("runs: memory that large ones have touched stays among large ones, and only one", () => {
  const runs = new Runs(memory, 80 * MiB);
  const large = runs.take(0);
  for (const used of [65, 20, 70]) {
    large.bytes = used * MiB;
    runs.give(large);
    expect(runs.take(0)).toBe(large);
  }
  large.bytes = 10 * MiB;
  expect(given).toBe(0);
  runs.give(large);
  expect([runs.bytes, given]).toEqual([0, 1]);
  const [one, other] = [runs.take(0), runs.take(0)];
  one.bytes = other.bytes = MiB;
  expect(runs.bytes).toBe(2 * MiB);
  runs.give(one);
  runs.give(other);
  expect([runs.bytes, given]).toEqual([MiB, 2]);
  expect(runs.take(0)).toBe(one);
});
