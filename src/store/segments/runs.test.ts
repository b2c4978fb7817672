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

test("runs: what was collected counts, however short it is when it is written", () => {
  const runs = new Runs(memory, 80 * MiB);
  const large = runs.take(0);
  large.bytes = 78 * MiB;
  large.shorten(MiB);
  expect([large.bytes, large.used]).toEqual([MiB, 78 * MiB]);
  runs.give(large);
  expect([large.touched, given]).toEqual([78 * MiB, []]);
  use(runs, 2 * MiB);
  expect([large.touched, given]).toEqual([64 * MiB, [14 * MiB]]);
});

test("runs: where pages cannot be given back, memory is let go once hardly used", () => {
  atOnce = false;
  const runs = new Runs(memory, 80 * MiB);
  const large = use(runs, 72 * MiB);
  expect(use(runs, 18 * MiB)).toBe(large);
  expect(use(runs, 18 * MiB - 1)).toBe(large);
  expect(large.touched).toBe(72 * MiB);
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
