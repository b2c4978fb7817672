// Goal: a disk that is full for a while, however long, costs nothing but time.
// Method: the disk has room for a part of what is written, the power fails, room comes back.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { RunBuilder } from "../store.ts";
import { advanced, commitAt, putText, readText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore, storeDirectory } from "../testing/world.ts";

type TestStore = ReturnType<typeof openTestStore>;

function bytesOf(disk: MemoryDisk): number {
  return [...disk.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
}

function runOf(store: TestStore, name: string, text: string): RunBuilder {
  const run = store.newRun();
  run.reserve(text.length + 1000);
  putText(run, name, text);
  return run;
}

/** A store with the value "old", and a disk that has room for a part of the next run. */
async function nearlyFull(disk: MemoryDisk, keys: TestKeys): Promise<TestStore> {
  const store = openTestStore(disk, keys, { segmentBytes: 64 * 1024 });
  await store.flush(runOf(store, "old", "old value"), commitAt(1));
  disk.capacityBytes = bytesOf(disk) + 12_288;
  return store;
}

/** Whatever the crash kept of what was written and cut, the store opens as it was. */
function opensAfterCrashes(disk: MemoryDisk, keys: TestKeys): void {
  const problems: string[] = [];
  for (let seed = 1; seed <= 30; seed++)
    try {
      const store = openTestStore(disk.fork({ kind: "torn", seed }), keys);
      if (readText(store, "old") !== "old value") problems.push(`seed ${seed}: another value`);
    } catch (error) {
      problems.push(`seed ${seed}: ${(error as Error).message}`);
    }
  expect(problems).toEqual([]);
}

test("full: a segment closed behind a run that found no room opens after a crash", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = await nearlyFull(disk, keys);
  const failed = store.flush(runOf(store, "new", "x".repeat(30_000)), commitAt(2));
  await expect(failed).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  // As when the next run does not fit, the key was rotated or the node stops.
  await store.rotate();
  opensAfterCrashes(disk, keys);
  await store.close();
});

test("full: a segment closed behind a run that was given up opens after a crash", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = await nearlyFull(disk, keys);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  const run = runOf(store, "new", "x".repeat(30_000));
  await advanced(store, run);
  store.discard(run);
  await store.rotate();
  opensAfterCrashes(disk, keys);
  await store.close();
});

test("full: a segment that cannot be cut and synced is not closed", async () => {
  for (const operation of ["truncate", "sync"] as const) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    const store = await nearlyFull(disk, keys);
    const isSegment = (path: string) => path.endsWith(".segment");
    disk.fail("truncate", "ENOSPC", 1, isSegment);
    const failed = store.flush(runOf(store, "new", "x".repeat(30_000)), commitAt(2));
    await expect(failed).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    disk.fail(operation, "ENOSPC", 1, isSegment);
    await expect(store.rotate()).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
    await store.rotate();
    opensAfterCrashes(disk, keys);
    expect(readText(store, "old")).toBe("old value");
    await store.close();
  }
});

test("full: a segment that could not be cut is cut once a smaller run has landed", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = await nearlyFull(disk, keys);
  disk.fail("truncate", "ENOSPC", 1, (path) => path.endsWith(".segment"));
  const failed = store.flush(runOf(store, "new", "x".repeat(30_000)), commitAt(2));
  await expect(failed).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
  await store.flush(runOf(store, "small", "small value"), commitAt(2));
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await store.rotate();
  opensAfterCrashes(disk, keys);
  expect(readText(openTestStore(disk.fork({ kind: "kept" }), keys), "small")).toBe("small value");
  await store.close();
});

test("full: a hint that found no room leaves no file, now or once its segment goes", async () => {
  for (const removable of [true, false]) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    const store = openTestStore(disk, keys, { segmentBytes: 64 * 1024 });
    const temporaries = () => disk.list(storeDirectory).filter((name) => name.endsWith(".tmp"));
    const flushAll = async (index: number, text: string) => {
      const run = store.newRun();
      for (let n = 0; n < 40; n++) putText(run, `k${n}`, text);
      await store.flush(run, commitAt(index));
    };
    await flushAll(1, "old");
    disk.capacityBytes = bytesOf(disk) + 700;
    if (!removable) disk.fail("unlink", "EIO", 1, (path) => path.endsWith(".hint.tmp"));
    await store.rotate().catch(() => {});
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(temporaries().length).toBe(removable ? 0 : 1);
    keys.keyId = 2;
    await flushAll(2, "new");
    await store.compactor.compact();
    await store.removed();
    expect(temporaries()).toEqual([]);
    expect((await store.files()).filter(({ keyId }) => keyId !== 2)).toEqual([]);
    await store.close();
  }
});
