// Goal: a segment that a compaction cannot read is set aside, and nothing else stops or is lost.
// Method: reads and opens of one segment fail as a bad sector, or a lack of descriptors or memory,
// makes them fail.
import { expect, test, vi } from "vitest";
import { loadPrimitives } from "../../platform/primitives.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { Store } from "../store.ts";
import { commitAt, putText, readText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore, storeDirectory } from "../testing/world.ts";

const bad = `${storeDirectory}/0000000001.segment`;
let index = 0;

async function flush(store: Store, name: string, text: string): Promise<void> {
  const run = store.newRun();
  putText(run, name, text);
  await store.flush(run, commitAt(++index));
}

function open(disk: MemoryDisk, keys: TestKeys, alarms: string[], automatic = false) {
  const alarm = (event: string, detail: string) => void alarms.push(`${event}: ${detail}`);
  const pace = { bytesPerSecond: Number.POSITIVE_INFINITY, idleBytes: 0 };
  const compactor = { automatic, alarm, ...pace };
  return openTestStore(disk, keys, { segmentBytes: 64 * 1024, compactor });
}

/** Segment 1, half of it dead, and what follows. */
async function begun(disk: MemoryDisk, keys: TestKeys, alarms: string[], automatic = false) {
  const store = open(disk, keys, alarms, automatic);
  await flush(store, "old", "old value");
  await flush(store, "dead", "dead value");
  await store.rotate();
  return store;
}

/** As a bad sector: the header can be read, and so can other files. */
function breakReads(disk: MemoryDisk, code: string, times: number): void {
  disk.fail("read", code, times, (path, position) => path === bad && position >= 4096);
}

/** What cannot be read stays; everything else goes on. */
async function goesOn(store: ReturnType<typeof open>, code: string): Promise<void> {
  await store.compactor.compact();
  expect(store.stats().damage.join()).toMatch(`[STORE_READ_FAILED] ${bad}: ${code}`);
  expect(store.stats().compactions).toBe(0);
  await flush(store, "new", "new value");
  expect(readText(store, "new")).toBe("new value");
  expect(store.durable.appliedIndex).toBe(index);
  expect(store.closedSegments().map(({ path }) => path)).toContain(bad);
}

test.each([
  { operation: "read", code: "EIO", keyId: 1, hint: true },
  { operation: "read", code: "EIO", keyId: 1, hint: false },
  { operation: "read", code: "EIO", keyId: 0, hint: true },
  { operation: "open", code: "EMFILE", keyId: 1, hint: true },
  { operation: "open", code: "ENOMEM", keyId: 0, hint: true },
] as const)("compaction: %s of a source is told, and writing goes on", async (fault) => {
  const { operation, code, keyId, hint } = fault;
  const disk = new MemoryDisk();
  const keys = new TestKeys(keyId);
  const alarms: string[] = [];
  let store = await begun(disk, keys, alarms);
  await flush(store, "dead", "again");
  if (!hint) disk.unlink(bad.replace("segment", "hint"));
  const times = Number.POSITIVE_INFINITY;
  if (operation === "read") breakReads(disk, code, times);
  else disk.fail(operation, code, times, (path) => path === bad);
  await goesOn(store, code);
  expect(alarms).toHaveLength(1);
  expect(alarms[0]).toMatch(`segment-set-aside: [STORE_READ_FAILED] ${bad}: ${code}`);
  // A restart meets the same, and does not stop either.
  disk.clearFaults();
  await store.close();
  store = open(disk, keys, alarms);
  breakReads(disk, "EIO", times);
  await goesOn(store, "EIO");
  disk.clearFaults();
  // Whoever asks for it again has it tried again.
  await store.compactor.compact();
  expect(store.stats().damage).toEqual([]);
  expect(disk.status(bad)).toBeNull();
  const texts = ["old", "dead", "new"].map((name) => readText(store, name));
  expect(texts).toEqual(["old value", "again", "new value"]);
  await store.close();
});

test("compaction: a read that failed is tried again after a while, and more rarely", async () => {
  const disk = new MemoryDisk();
  const alarms: string[] = [];
  const store = await begun(disk, new TestKeys(), alarms, true);
  breakReads(disk, "EIO", 2);
  const triedAt: number[] = [];
  for (let n = 0; n < 1000 && disk.status(bad) !== null; n++) {
    await flush(store, "dead", `${n}`);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    if (alarms.length > triedAt.length) triedAt.push(n);
  }
  expect(disk.status(bad)).toBeNull();
  expect(alarms).toHaveLength(2);
  expect(triedAt[1]! - triedAt[0]!).toBeGreaterThan(200);
  expect(readText(store, "old")).toBe("old value");
  expect(store.stats().damage).toEqual([]);
  await store.close();
});

test("compaction: an unreadable hint is replaced by reading its segment", async () => {
  const disk = new MemoryDisk();
  const alarms: string[] = [];
  const store = await begun(disk, new TestKeys(), alarms);
  await flush(store, "dead", "again");
  disk.fail("read", "EIO", 1, (path) => path.endsWith("0000000001.hint"));
  await store.compactor.compact();
  expect([alarms, store.stats().damage, disk.status(bad)]).toEqual([[], [], null]);
  expect(readText(store, "old")).toBe("old value");
  await store.close();
});

test("keys: none outlives a segment whose file does not open", async () => {
  const disk = new MemoryDisk();
  const primitives = loadPrimitives("node");
  let live = 0;
  const { aead } = primitives;
  vi.spyOn(primitives, "aead").mockImplementation((...key) => {
    live++;
    const made = aead.apply(primitives, key);
    const { dispose } = made;
    made.dispose = () => {
      live--;
      dispose.call(made);
    };
    return made;
  });
  const store = openTestStore(disk, new TestKeys(), { primitives });
  await flush(store, "old", "old value");
  await store.rotate();
  const isSegment = (path: string) => path.endsWith(".segment");
  const before = live;
  disk.fail("open", "EMFILE", 1, isSegment);
  expect(() => readText(store, "old")).toThrow(/STORE_READ_FAILED/);
  expect(live).toBe(before);
  disk.fail("create", "ENOSPC", 1, isSegment);
  await expect(flush(store, "new", "new value")).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
  expect(live).toBe(before);
  await store.close();
});

test("start: an unreadable hint is read around", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = await begun(disk, keys, []);
  await store.close();
  disk.fail("read", "EIO", 1, (path) => path.endsWith("0000000001.hint"));
  const again = open(disk, keys, []);
  expect(readText(again, "old")).toBe("old value");
  await again.close();
});

test("rewrite: an unreadable segment is counted, and cleared when asked again", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = await begun(disk, keys, []);
  keys.keyId = 2;
  breakReads(disk, "EIO", 1);
  expect(await store.compactor.rewrite(1)).toMatchObject({ segmentsLeft: 1, damaged: 1 });
  expect(await store.compactor.rewrite(1)).toMatchObject({ segmentsLeft: 0, damaged: 0 });
  expect(readText(store, "old")).toBe("old value");
  await store.close();
});
