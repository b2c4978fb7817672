// Goal: a run that is sealed and written while it is collected is whole or not there, whatever
// happens to the disk meanwhile, and nothing else that changes segments comes between.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { advanced, commitAt, putText, readText, removeText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore } from "../testing/world.ts";

test("store: a disk that fills while a run is collected takes the same run later", async () => {
  for (const [compress, sealed] of [
    [false, true],
    [true, true],
    [false, false],
  ] as const) {
    for (let room = 0; room < 60_000; room += 7000) {
      const disk = new MemoryDisk();
      const keys = new TestKeys(sealed ? 1 : 0);
      const store = openTestStore(disk, keys, { compress });
      const first = store.newRun();
      putText(first, "old", "old value");
      await store.flush(first, commitAt(1));
      const used = [...disk.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
      const run = store.newRun();
      run.reserve(100_000);
      disk.capacityBytes = used + room;
      const texts = Array.from({ length: 8 }, (_, n) => `${n} value `.repeat(800));
      for (const [n, text] of texts.entries()) {
        putText(run, `new ${n}`, text, { compressible: n % 2 === 0 });
        if (n % 3 !== 2) await advanced(store, run);
      }
      removeText(run, "old");
      const failed = await store.flush(run, commitAt(100)).catch((error) => error.code);
      if (failed !== undefined) {
        expect(failed).toBe("STORE_DISK_FULL");
        expect([readText(store, "old"), readText(store, "new 0")]).toEqual(["old value", null]);
        const crashed = openTestStore(disk.fork({ kind: "torn", seed: room }), keys);
        expect(readText(crashed, "old")).toBe("old value");
        disk.capacityBytes = Number.POSITIVE_INFINITY;
        await store.flush(run, commitAt(101));
      }
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      for (const [n, text] of texts.entries()) expect(readText(store, `new ${n}`)).toBe(text);
      expect(readText(store, "old")).toBeNull();
      await store.close();
      const reopened = openTestStore(disk, keys);
      for (const [n, text] of texts.entries()) expect(readText(reopened, `new ${n}`)).toBe(text);
      await reopened.close();
    }
  }
});

test("store: what changes the segments waits for a run that is being written", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = openTestStore(disk, keys, { segmentBytes: 1 << 20 });
  const first = store.newRun();
  putText(first, "a", "1");
  await store.flush(first, commitAt(1));
  const run = store.newRun();
  run.reserve(100_000);
  putText(run, "b", "2".repeat(9000));
  await advanced(store, run);
  let rotated = false;
  const rotation = store.rotate().then(() => {
    rotated = true;
  });
  putText(run, "c", "3".repeat(9000));
  await advanced(store, run);
  const other = store.newRun();
  putText(other, "b", "of the run behind it");
  const behind = store.flush(other, commitAt(3));
  await advanced(store, run);
  expect([rotated, readText(store, "b")]).toEqual([false, null]);
  expect(() => run.reserve(1 << 20)).toThrow();
  await store.flush(run, commitAt(2));
  await rotation;
  await behind;
  expect(store.durable).toEqual({ number: 3, ...commitAt(3) });
  expect(["a", "b", "c"].map((name) => readText(store, name)?.length)).toEqual([1, 20, 9000]);
  await store.close();
  const reopened = openTestStore(disk, keys);
  expect(["a", "b", "c"].map((name) => readText(reopened, name)?.length)).toEqual([1, 20, 9000]);
});
