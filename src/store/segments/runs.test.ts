// Goal: one run's memory serves the next; what a large one has touched is not held on to.
import { beforeEach, expect, test } from "vitest";
import type { RunMemory, SegmentRun } from "./run.ts";
import { Runs } from "./runs.ts";

const MiB = 1024 * 1024;
/** Bytes of each piece of memory that was given back. */
let given: number[] = [];
let atOnce = true;
beforeEach(() => {
  given = [];
  atOnce = true;
});

// Pages that nothing touches: memory that is only counted.
const memory: RunMemory = {
  alignedBuffer: (bytes) => Buffer.from(new SharedArrayBuffer(bytes) as never),
  giveBack: ({ length }) => given.push(length) > 0 && atOnce,
};

function use(runs: Runs, bytes: number): SegmentRun {
  const run = runs.take(0);
  run.bytes = bytes;
  runs.give(run);
  return run;
}

test("runs: memory is used again, and what is too small is given up", () => {
  const runs = new Runs(memory, 4096);
  const first = runs.take(10_000);
  first.bytes = 9000;
  runs.give(first);
  expect([first.bytes, first.touched]).toEqual([0, 9000]);
  const second = runs.take(100);
  expect(second).toBe(first);
  second.bytes = 50;
  runs.give(second);
  expect(given).toEqual([]);
  expect(runs.take(50_000)).not.toBe(first);
  expect(given).toEqual([first.buffer.length]);
});

test("runs: of what a large one has touched as much is kept as ordinary ones need", () => {
  const runs = new Runs(memory, 80 * MiB);
  const large = use(runs, 78 * MiB);
  expect(use(runs, 79 * MiB)).toBe(large);
  expect(given).toEqual([]);
  expect(use(runs, 70 * MiB - 1)).toBe(large);
  expect([large.touched, given]).toEqual([70 * MiB, [9 * MiB]]);
  expect(use(runs, MiB)).toBe(large);
  expect([large.touched, given]).toEqual([64 * MiB, [9 * MiB, 6 * MiB]]);
  expect(use(runs, MiB)).toBe(large);
  expect(given.length).toBe(2);
});

test("runs: where pages cannot be given back, the whole memory of a large one is let go", () => {
  atOnce = false;
  const runs = new Runs(memory, 80 * MiB);
  const large = use(runs, 70 * MiB);
  expect(use(runs, 69 * MiB)).toBe(large);
  expect(runs.take(0)).not.toBe(large);
});

test("runs: only one run waits for the next", () => {
  const runs = new Runs(memory, 4096);
  const [one, other] = [runs.take(0), runs.take(0)];
  runs.give(one);
  runs.give(other);
  expect(given).toEqual([other.buffer.length]);
  expect(runs.take(0)).toBe(one);
});
