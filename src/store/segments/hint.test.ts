// Goal: hints of segments with many records are whole, whoever made them and in whatever memory:
// while the segment was written, by reading it at a start, by a compaction.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { commitAt, putText, readText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore, storeDirectory } from "../testing/world.ts";

// More than what is too small to be given back at once.
const records = 3000;
const limits = { segmentBytes: 400_000, compactor: { automatic: false } };

const hints = (disk: MemoryDisk): Map<string, Buffer> =>
  new Map(
    disk
      .list(storeDirectory)
      .filter((name) => name.endsWith(".hint"))
      .map((name) => [name, disk.readFile(`${storeDirectory}/${name}`)]),
  );

test("hints: those of large segments are made alike while writing and while reading", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  let store = openTestStore(disk, keys, limits);
  let index = 0;
  for (let round = 0; round < 3; round++) {
    const run = store.newRun();
    for (let n = 0; n < records; n++) putText(run, `k${n + round * 1000}`, `v${round}`);
    await store.flush(run, commitAt(++index));
    await store.rotate();
  }
  await store.close();
  const written = hints(disk);
  expect(written.size).toBe(3);
  for (const name of written.keys()) disk.unlink(`${storeDirectory}/${name}`);
  store = openTestStore(disk, keys, limits);
  await store.settle();
  expect(hints(disk)).toEqual(written);
  await store.compactor.compact();
  await store.close();
  store = openTestStore(disk, keys, limits);
  const read = [0, 999, 1000, 1999, 2000, 4999].map((n) => readText(store, `k${n}`));
  expect(read).toEqual(["v0", "v0", "v1", "v1", "v2", "v2"]);
  expect(readText(store, "k5000")).toBe(null);
  await store.close();
});
