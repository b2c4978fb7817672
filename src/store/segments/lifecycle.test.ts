// Goal: what the segment store promises over its life: keys, space, full disks, compaction.
import { expect, test } from "vitest";
import { loadPrimitives } from "../../platform/primitives.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { Store } from "../store.ts";
import { commitAt, physicalOf, putText, readText, removeText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore, storeDirectory } from "../testing/world.ts";
import { manifestName } from "./names.ts";
import { type Job, type JobOutcome, RunWriter } from "./runwriter.ts";

let index = 0;

async function flush(store: Store, change: (run: ReturnType<Store["newRun"]>) => void, ms = 0) {
  const run = store.newRun();
  change(run);
  await store.flush(run, commitAt(++index, ms));
}

function segments(disk: MemoryDisk): string[] {
  return disk.list(storeDirectory).filter((name) => name.endsWith(".segment"));
}

test("store: names, values and control's user data are not found in any file", async () => {
  const disk = new MemoryDisk();
  const store = openTestStore(disk, new TestKeys());
  await flush(store, (run) => putText(run, "name-canary", "value-canary ".repeat(100)));
  await store.close();
  for (const [path, bytes] of disk.contents())
    for (const text of ["name-canary", "value-canary"])
      expect([path, bytes.includes(text)]).toEqual([path, false]);
});

test("store: each segment has its own subkey, also after an old copy is put back", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  let store = openTestStore(disk, keys);
  await flush(store, (run) => putText(run, "k", "1"));
  await store.close();
  const saved = disk.fork({ kind: "kept" });
  for (const timeline of [disk, saved]) {
    store = openTestStore(timeline, keys);
    await flush(store, (run) => putText(run, "probe", "the same text on both"));
    await store.close();
  }
  const path = `${storeDirectory}/0000000002.segment`;
  const [one, other] = [disk.readFile(path), saved.readFile(path)];
  expect(one.length).toBe(other.length);
  // The same record lies at the same place: nothing of its ciphertext may be equal.
  const text = [one, other].map((data) => data.subarray(4096 + 16 + 64, 4096 + 16 + 64 + 21));
  expect(text[0]!.equals(text[1]!)).toBe(false);
  expect(one.subarray(0, 4096).equals(other.subarray(0, 4096))).toBe(false);
});

test("store: no process appends to a segment that it did not create", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = openTestStore(disk, keys);
  await flush(store, (run) => putText(run, "k", "1"));
  const first = segments(disk);
  const second = openTestStore(disk, keys);
  await flush(second, (run) => putText(run, "k", "2"));
  expect(segments(disk)).toEqual([...first, "0000000002.segment"]);
  expect(readText(second, "k")).toBe("2");
  await second.close();
});

test("store: a full disk refuses a run, keeps everything, takes the same run later", async () => {
  for (const compress of [false, true]) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    const store = openTestStore(disk, keys, { compress });
    await flush(store, (run) => putText(run, "old", "old value"));
    const used = [...disk.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
    const run = store.newRun();
    const text = "long value ".repeat(800);
    putText(run, "new", text, { compressible: true });
    putText(run, "big", Array.from({ length: 3000 }, (_, i) => i).join());
    removeText(run, "old");
    disk.capacityBytes = used + 4096;
    for (let attempt = 0; attempt < 3; attempt++) {
      const failed = store.flush(run, commitAt(100));
      await expect(failed).rejects.toMatchObject({ code: "STORE_DISK_FULL", retryable: true });
      expect([readText(store, "old"), readText(store, "new")]).toEqual(["old value", null]);
      disk.capacityBytes += 2048;
    }
    const crashed = openTestStore(disk.fork({ kind: "torn", seed: 5 }), keys);
    expect(readText(crashed, "old")).toBe("old value");
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await store.flush(run, commitAt(101));
    expect([readText(store, "old"), readText(store, "new")]).toEqual([null, text]);
    await store.close();
    const reopened = openTestStore(disk, keys);
    expect(readText(reopened, "new")).toBe(text);
    expect(reopened.durable.appliedIndex).toBe(101);
  }
});

test("store: a disk that is full while a segment or a manifest begins loses nothing", async () => {
  for (let room = 0; room < 40_000; room += 1500) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    let store = openTestStore(disk, keys);
    await flush(store, (run) => putText(run, "k", "a".repeat(20_000)));
    const used = [...disk.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
    disk.capacityBytes = used + room;
    const run = store.newRun();
    putText(run, "k", "b".repeat(20_000));
    const failed = await store.flush(run, commitAt(2)).catch((error) => error.code);
    if (failed !== undefined) expect(failed).toBe("STORE_DISK_FULL");
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    if (failed !== undefined) await store.flush(run, commitAt(2));
    await store.close();
    store = openTestStore(disk, keys);
    expect(readText(store, "k")).toBe("b".repeat(20_000));
    await store.close();
  }
});

test("store: what a crash left is put in order once there is room, at any attempt", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const crashed = openTestStore(disk, keys);
  await flush(crashed, (run) => putText(run, "k", "1"));
  disk.open(`${storeDirectory}/${manifestName}.tmp`, { mode: "create" }).close();
  const store = openTestStore(disk, keys);
  disk.capacityBytes = 0;
  for (let attempt = 0; attempt < 2; attempt++) {
    const failed = flush(store, (run) => putText(run, "k", "2"));
    await expect(failed).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
  }
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await flush(store, (run) => putText(run, "k", "3"));
  await store.close();
  expect(readText(openTestStore(disk, keys), "k")).toBe("3");
});

test("store: a failed sync ends writing until a restart", async () => {
  const disk = new MemoryDisk();
  const store = openTestStore(disk, new TestKeys());
  await flush(store, (run) => putText(run, "k", "1"));
  disk.fail("sync", "EIO");
  const bad = flush(store, (run) => putText(run, "k", "2"));
  await expect(bad).rejects.toMatchObject({ code: "STORE_WRITE_FAILED" });
  const next = flush(store, (run) => putText(run, "k", "3"));
  await expect(next).rejects.toMatchObject({ code: "STORE_WRITE_FAILED" });
  expect(readText(store, "k")).toBe("1");
  await store.close();
});

test("store: compaction gives space back and deleted keys never come back", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  let store = openTestStore(disk, keys);
  for (let round = 0; round < 6; round++)
    await flush(store, (run) => {
      for (let i = 0; i < 10; i++) putText(run, `k${i}`, `${round} `.repeat(900));
    });
  await flush(store, (run) => {
    for (let i = 0; i < 9; i++) removeText(run, `k${i}`);
  });
  for (let round = 0; round < 4; round++) {
    await store.compactor.compact();
    for (let i = 0; i < 9; i++) expect(readText(store, `k${i}`)).toBeNull();
    expect(readText(store, "k9")).toBe("5 ".repeat(900));
    await store.close();
    store = openTestStore(disk, keys);
  }
  expect(store.stats()).toMatchObject({ segments: 1, records: 1, deadBytes: 0 });
  expect(store.onDisk(physicalOf("k0"), 0)).toBe(false);
  await store.close();
});

test("store: a tombstone stays while an older copy of its key is on disk", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  let store = openTestStore(disk, keys);
  await flush(store, (run) => {
    putText(run, "k", "old");
    putText(run, "other", "x".repeat(3000));
  });
  keys.keyId = 2;
  await flush(store, (run) => removeText(run, "k"));
  // Only the tombstone's segment is compacted, again and again: the old copy stays where it is.
  for (let round = 0; round < 3; round++) {
    keys.keyId++;
    await store.compactor.rewrite(keys.keyId - 1);
    expect(store.stats().keys.map((usage) => usage.keyId)).toEqual([1, keys.keyId]);
    await store.close();
    store = openTestStore(disk, keys);
    expect([readText(store, "k"), store.onDisk(physicalOf("k"), 0)]).toEqual([null, true]);
  }
  await store.compactor.rewrite(1);
  expect(store.stats().keys.map((usage) => usage.keyId)).toEqual([keys.keyId]);
  await store.close();
  store = openTestStore(disk, keys);
  expect([readText(store, "k"), readText(store, "other")]).toEqual([null, "x".repeat(3000)]);
  await store.close();
});

test("store: only what expired by the durable commit is compacted away", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  let store = openTestStore(disk, keys);
  await flush(
    store,
    (run) => {
      putText(run, "gone", "x", { expireAt: 5_000 });
      putText(run, "later", "y", { expireAt: 9_000 });
      putText(run, "dead", "z");
    },
    1_000,
  );
  await flush(store, (run) => putText(run, "gone", "x2", { expireAt: 5_000 }), 2_000);
  await flush(store, (run) => removeText(run, "dead"), 6_000);
  await store.compactor.compact();
  await store.compactor.compact();
  await store.compactor.compact();
  expect([readText(store, "gone"), readText(store, "later")]).toEqual([null, "y"]);
  expect([store.count(1), store.stats().records]).toEqual([1, 1]);
  await store.close();
  store = openTestStore(disk, keys);
  expect([readText(store, "gone"), readText(store, "later")]).toEqual([null, "y"]);
  await store.close();
});

test("store: rewrite leaves nothing under the old key, and the old key may go", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys(1);
  let store = openTestStore(disk, keys);
  for (let i = 0; i < 10; i++)
    await flush(store, (run) => {
      putText(run, `k${i}`, `value ${i} `.repeat(400));
      run.control(1, false, Buffer.from(`c${i}`), Buffer.from("v"));
    });
  keys.keyId = 2;
  await store.rotate();
  expect(store.compactor.rewriteProgress(1).segmentsLeft).toBeGreaterThan(1);
  const none = { keyId: 1, segmentsLeft: 0, bytesLeft: 0, recordsLeft: 0, damaged: 0 };
  expect(await store.compactor.rewrite(1)).toEqual(none);
  expect(store.stats().keys.map((usage) => usage.keyId)).toEqual([2]);
  keys.retired.add(1);
  await store.close();
  store = openTestStore(disk, keys);
  for (let i = 0; i < 10; i++) expect(readText(store, `k${i}`)).toBe(`value ${i} `.repeat(400));
  expect([...store.controls()].length).toBe(10);
  await store.close();
});

test("store: a clear store becomes sealed by rewriting; none may join", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys(0);
  let store = openTestStore(disk, keys);
  await flush(store, (run) => putText(run, "k", "was clear once"));
  keys.keyId = 1;
  await flush(store, (run) => putText(run, "l", "sealed"));
  await store.compactor.rewrite(0);
  await store.close();
  for (const bytes of disk.contents().values()) expect(bytes.includes("was clear")).toBe(false);
  store = openTestStore(disk, keys, { requireSealed: true });
  expect([readText(store, "k"), readText(store, "l")]).toEqual(["was clear once", "sealed"]);
  await store.close();
});

test("store: compression is used where it is marked, and only where it is on", async () => {
  const long = "compressible ".repeat(2000);
  for (const compress of [false, true]) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    let store = openTestStore(disk, keys, { compress, segmentBytes: 1 << 20 });
    await flush(store, (run) => {
      putText(run, "marked", long, { compressible: true });
      putText(run, "after", "short");
    });
    expect(store.stats().bytes > long.length).toBe(!compress);
    await flush(store, (run) => putText(run, "after", "changed"));
    await store.compactor.compact();
    await store.close();
    store = openTestStore(disk, keys);
    expect([readText(store, "marked"), readText(store, "after")]).toEqual([long, "changed"]);
    await store.close();
  }
});

test("store: jobs and outcomes survive structured cloning, as between threads", async () => {
  const disk = new MemoryDisk();
  const make = () => {
    const writer = new RunWriter(disk, loadPrimitives("node"));
    return {
      run: async (job: Job): Promise<JobOutcome> => {
        // Shared memory stays shared, as postMessage does it; structuredClone refuses it.
        const { memory, ...rest } = job as Job & { memory?: Uint8Array };
        const cloned = { ...structuredClone(rest), ...(memory && { memory }) } as Job;
        return structuredClone(writer.execute(cloned));
      },
      close: async () => writer.dispose(),
    };
  };
  const keys = new TestKeys();
  const store = openTestStore(disk, keys, { executor: make(), compactExecutor: make() });
  for (let i = 0; i < 6; i++)
    await flush(store, (run) => {
      for (const name of ["a", "b", `k${i}`]) putText(run, name, `${i} `.repeat(1000));
      run.control(1, false, Buffer.from("c"), Buffer.from(String(i)));
    });
  await store.compactor.compact();
  expect([readText(store, "a"), readText(store, "k3")]).toEqual([
    "5 ".repeat(1000),
    "3 ".repeat(1000),
  ]);
  expect([...store.controls()].map((row) => row.value.toString())).toEqual(["5"]);
  await store.close();
});

test("store: opening and settling a store that was closed well changes nothing", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  let store = openTestStore(disk, keys);
  await flush(store, (run) => putText(run, "k", "1"));
  await store.close();
  const before = disk.operations;
  store = openTestStore(disk, keys);
  await store.settle();
  await store.close();
  expect(disk.operations).toBe(before);
});

test("store: the small segments that restarts leave are merged", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  for (let life = 0; life < 40; life++) {
    const store = openTestStore(disk, keys, {
      segmentBytes: 1 << 20,
      compactor: { bytesPerSecond: Number.POSITIVE_INFINITY, outputBytes: 1 << 20 },
    });
    await flush(store, (run) => putText(run, `k${life}`, `life ${life}`));
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    await store.close();
  }
  const store = openTestStore(disk, keys);
  expect(store.stats().segments).toBeLessThan(20);
  for (let life = 0; life < 40; life++) expect(readText(store, `k${life}`)).toBe(`life ${life}`);
  await store.close();
});

test("store: the rate of the compactor bounds what it copies a second", async () => {
  let waitedMs = 0;
  const scheduler = {
    yieldNow: async () => {},
    delay: async (ms: number) => {
      waitedMs += ms;
    },
  };
  const compactor = { automatic: false, bytesPerSecond: 100_000, stepBytes: 1000 };
  const store = openTestStore(new MemoryDisk(), new TestKeys(), { scheduler, compactor });
  await flush(store, (run) => {
    for (let i = 0; i < 20; i++) putText(run, `k${i}`, "x".repeat(900));
  });
  await flush(store, (run) => putText(run, "k1", "y"));
  await store.compactor.compact();
  const { compactedBytes } = store.stats();
  expect(compactedBytes).toBeGreaterThan(15_000);
  expect(waitedMs).toBeGreaterThan(compactedBytes / 110);
  waitedMs = 0;
  store.compactor.setRate(Number.POSITIVE_INFINITY);
  await flush(store, (run) => putText(run, "k2", "y"));
  await store.compactor.compact();
  expect([waitedMs, store.stats().compactedBytes > compactedBytes]).toEqual([0, true]);
  await store.close();
});
