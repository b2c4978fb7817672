// Goal: short turns are asked for where the kernel knows them; nothing else changes. Method: what
// the kernel tells of the threads of this process.
import { readFile } from "node:fs/promises";
import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { loadNative } from "./native.ts";
import { askForShortTurns } from "./slices.ts";

const native = loadNative();

test("slices: a thread keeps its nice value, and what the kernel refuses is told", () => {
  if (native === null) return expect(askForShortTurns()).toBe(0);
  const nice = getPriority(process.pid);
  const told = native.setSlice(process.pid, 200_000);
  // Below zero: a sandbox that refuses the call.
  if (told > 0) expect(told).toBe(200_000);
  expect(getPriority(process.pid)).toBe(nice);
  expect(native.setSlice(0x7fff_fffe, 200_000)).toBeLessThan(0);
  expect(() => native.setSlice(2 ** 31, 200_000)).toThrow(RangeError);
});

test("slices: the main thread and the pool have short turns where there are any", async () => {
  await readFile(new URL(import.meta.url));
  const known = native !== null && native.setSlice(process.pid, 150_000) > 0;
  const count = askForShortTurns();
  if (known) expect(count).toBeGreaterThan(1);
  else expect(count).toBe(0);
  expect(askForShortTurns(null)).toBe(0);
});
