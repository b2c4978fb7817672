// Goal: what the last life wrote is durable before anything is built on it, whatever became of its
// syncs.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { commitAt, putText, readText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore } from "../testing/world.ts";
import type { SegmentStore } from "./store.ts";

function flush(store: SegmentStore, index: number, name: string, text: string): Promise<void> {
  const run = store.newRun();
  putText(run, name, text);
  return store.flush(run, commitAt(index));
}

for (const bytes of [10, 20_000, 3_000_000])
  test(`store: a run of ${bytes} bytes whose sync failed is durable in the next life`, async () => {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    const store = openTestStore(disk, keys, { segmentBytes: 4 << 20 });
    const text = "b".repeat(bytes);
    await flush(store, 1, "a", "1");
    disk.fail("sync", "EIO");
    const failed = { code: "STORE_WRITE_FAILED" };
    await expect(flush(store, 2, "b", text)).rejects.toMatchObject(failed);
    await store.close();
    const again = openTestStore(disk, keys);
    expect([again.durable.number, readText(again, "b")]).toEqual([2, text]);
    await flush(again, 3, "c", "3");
    disk.crash({ kind: "dropped" });
    const then = openTestStore(disk, keys);
    expect(["a", "b", "c"].map((name) => readText(then, name))).toEqual(["1", text, "3"]);
    await then.close();
  });

test("store: a start that cannot make the last run durable is refused until it can", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = openTestStore(disk, keys);
  await flush(store, 1, "a", "1");
  const again = openTestStore(disk, keys);
  for (const [operation, error, code] of [
    ["write", "EIO", "STORE_WRITE_FAILED"],
    ["write", "ENOSPC", "STORE_DISK_FULL"],
    ["sync", "EIO", "STORE_WRITE_FAILED"],
  ] as const) {
    disk.fail(operation, error, 1, (path) => path.endsWith(".segment"));
    await expect(again.settle()).rejects.toMatchObject({ code });
  }
  await flush(again, 2, "b", "2");
  disk.crash({ kind: "dropped" });
  const then = openTestStore(disk, keys);
  expect(["a", "b"].map((name) => readText(then, name))).toEqual(["1", "2"]);
  await then.close();
});
