// Goal: memory that was freed between blocks that live goes back to the system, and the allocator
// is not asked again for what has gone. Method: a scripted allocator; and the real one.
import { expect, test } from "vitest";
import { HeapTrimmer } from "./heap.ts";
import { loadNative } from "./native.ts";

const mebibyte = 1 << 20;

test("heap: what became free since the last time is given back, and only then", () => {
  let free = 0;
  let trims = 0;
  const trimmer = new HeapTrimmer({ heapFree: () => free, heapTrim: () => void trims++ });
  /** [free MiB, trims so far] */
  const steps: [number, number][] = [
    [3, 0],
    [4, 1],
    [4, 1],
    [7, 1],
    [9, 2],
    [1, 2],
    [4, 2],
    [5, 3],
  ];
  for (const [mebibytes, wanted] of steps) {
    free = mebibytes * mebibyte;
    trimmer.tick();
    expect([mebibytes, trims]).toEqual([mebibytes, wanted]);
  }
});

test("heap: what was given back long ago is given back once more", () => {
  let trims = 0;
  const trimmer = new HeapTrimmer({ heapFree: () => 5 * mebibyte, heapTrim: () => void trims++ });
  const after = [1, 15, 1, 15, 1].map((ticks) => {
    for (let n = 0; n < ticks; n++) trimmer.tick();
    return trims;
  });
  expect(after).toEqual([1, 1, 2, 2, 3]);
});

const native = loadNative();

test("heap: holes between blocks that live are given back to the system", () => {
  // 0: an allocator that is not glibc's.
  if (native === null || native.heapFree() === 0) return;
  // Below the size from which the allocator maps blocks by themselves.
  const blocks: (ArrayBuffer | null)[] = [];
  for (let n = 0; n < 2000; n++) {
    const block = new ArrayBuffer(60_000);
    new Uint8Array(block).fill(1);
    blocks.push(block);
  }
  const before = process.memoryUsage.rss();
  const free = native.heapFree();
  for (let n = 0; n < blocks.length; n += 2) (blocks[n] as ArrayBuffer).transfer(0);
  expect(native.heapFree() - free).toBeGreaterThan(50 * mebibyte);
  native.heapTrim();
  expect(before - process.memoryUsage.rss()).toBeGreaterThan(40 * mebibyte);
  for (const block of blocks) if (block?.byteLength) expect(new Uint8Array(block)[59_999]).toBe(1);
});
