// Goal: batches are bounded and shared, written without a copy where they can be, and failures do
// what they say: a full disk is got over, any other failed write is final.
import { expect, test, vi } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import type { DiskFile, OpenOptions } from "../../base/ports.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendOne, entriesOf, numbered, type Outcome } from "../suite.ts";
import { appendNumbered, directory, openOn } from "../testing/segments.ts";
import { entryHeadroom } from "./format.ts";

interface Write {
  readonly data: Uint8Array;
  readonly position: number;
}

/** Records the asynchronous writes to files: batches, and zeros written ahead. */
class WatchedDisk extends MemoryDisk {
  readonly writes: Write[] = [];
  override open(path: string, options: OpenOptions): DiskFile {
    const file = super.open(path, options);
    const write = file.writeAsync.bind(file);
    file.writeAsync = (data, position, done) => {
      if (data.some((byte) => byte !== 0)) this.writes.push({ data, position });
      write(data, position, done);
    };
    return file;
  }
}

function appendAll(log: ReturnType<typeof openOn>, count: number, bytes = 100): Promise<Outcome[]> {
  const done: Promise<Outcome>[] = [];
  for (let n = 1; n <= count; n++) done.push(appendOne(log, numbered(n, bytes)));
  return Promise.all(done);
}

const codes = (outcomes: Outcome[]) =>
  outcomes.map(({ error, index }) => (error === null ? index : (error as { code?: string }).code));

for (const direct of [true, false])
  test(`what is appended during a write becomes the next one write, direct ${direct}`, async () => {
    const disk = new WatchedDisk({ direct });
    const log = openOn(disk, { fileBytes: 1024 * 1024, batchBytesMax: 64 * 1024 });
    await appendAll(log, 100);
    expect(disk.writes.map(({ data }) => data.length)).toEqual([4096, 12288]);
    expect(disk.writes.map(({ position }) => position)).toEqual([4096, 8192]);
    expect(log.direct).toBe(direct);
  });

test("a batch is bounded, and so is what waits", async () => {
  const disk = new WatchedDisk();
  const limits = { fileBytes: 1024 * 1024, batchBytesMax: 8192, pendingBytesMax: 30_000 };
  const log = openOn(disk, limits);
  const outcomes = await appendAll(log, 40, 1000);
  const accepted = Array.from({ length: 30 }, (_, n) => n + 1);
  expect(codes(outcomes)).toEqual([...accepted, ...Array(10).fill("LOG_BUSY")]);
  for (const { data } of disk.writes) expect(data.length).toBeLessThanOrEqual(12288);
  expect(codes(await appendAll(log, 1, 31_000))).toEqual([31]);
  const large = await appendAll(openOn(new MemoryDisk(), { entryBytesMax: 500 }), 1, 501);
  expect(codes(large)).toEqual(["LOG_ENTRY_SIZE"]);
});

test("an entry in allocated memory is written from there, several in flight", async () => {
  const disk = new WatchedDisk();
  const log = openOn(disk, { fileBytes: 1024 * 1024, batchBytesMax: 5000 });
  const buffers = [1, 2, 3].map((n) => log.allocate(5000).fill(n));
  const outcomes = Promise.all(buffers.map((buffer) => appendOne(log, buffer)));
  expect(codes(await outcomes)).toEqual([1, 2, 3]);
  disk.writes.forEach(({ data }, n) => {
    expect(data.buffer).toBe(buffers[n]!.buffer);
    expect(buffers[n]!.byteOffset - data.byteOffset).toBe(entryHeadroom);
  });
  expect(disk.writes.length).toBe(3);
  const reused = new Set<unknown>();
  for (let n = 0; n < 20; n++) {
    const buffer = log.allocate(5000);
    reused.add(buffer.buffer);
    await appendOne(log, buffer);
  }
  expect(reused.size).toBeLessThanOrEqual(4);
});

for (const direct of [true, false])
  test(`a full disk fails what waits, and later appends work, direct ${direct}`, async () => {
    const disk = new MemoryDisk({ direct });
    const log = openOn(disk, { fileBytes: 4 * 1024 * 1024 });
    await appendNumbered(log, 1, [100, 100]);
    disk.capacityBytes = 1_500_000;
    const outcomes = await Promise.all([
      appendOne(log, numbered(3, 2_000_000)),
      appendOne(log, numbered(4)),
      appendOne(log, numbered(5)),
    ]);
    expect(codes(outcomes)).toEqual(Array(3).fill("LOG_DISK_FULL"));
    const then = openOn(disk.fork({ kind: "kept" }));
    expect(entriesOf(then)).toEqual([numbered(1, 100), numbered(2, 100)]);
    expect(codes(await appendNumbered(log, 3, [100]))).toEqual([3]);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(codes(await appendNumbered(log, 4, [2_000_000, 50]))).toEqual([4, 5]);
    await log.close();
    const sizes = entriesOf(openOn(disk)).map((entry) => entry.length);
    expect(sizes).toEqual([100, 100, 100, 2_000_000, 50]);
  });

test("a disk that is full from the start, then is not", async () => {
  const disk = new MemoryDisk();
  for (const capacity of [0, 4000, 4096, 4150]) {
    disk.capacityBytes = capacity;
    const log = openOn(disk);
    await expect(log.start()).rejects.toMatchObject({ code: "LOG_DISK_FULL" });
    expect(codes(await appendAll(log, 2))).toEqual(["LOG_DISK_FULL", "LOG_DISK_FULL"]);
    await log.close();
    expect(openOn(disk).last).toBe(0);
  }
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  const log = openOn(disk);
  expect(codes(await appendNumbered(log, 1, [100]))).toEqual([1]);
  await log.close();
  expect(openOn(disk).last).toBe(1);
});

test("where there is no room for a next file the active one goes on", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  await appendNumbered(log, 1, [1000]);
  disk.fail("create", "ENOSPC", 1000);
  expect(codes(await appendNumbered(log, 2, Array(20).fill(5000)))).toEqual(
    Array.from({ length: 20 }, (_, n) => n + 2),
  );
  disk.clearFaults();
  expect(codes(await appendNumbered(log, 22, [5000, 5000]))).toEqual([22, 23]);
  expect(disk.list(directory).filter((name) => name.endsWith(".log")).length).toBeGreaterThan(1);
  await log.close();
  expect(openOn(disk).last).toBe(23);
});

for (const [direct, operation] of [
  [true, "write"],
  [false, "write"],
  [false, "sync"],
] as const)
  test(`a failed ${operation} is final, direct ${direct}`, async () => {
    const disk = new MemoryDisk({ direct });
    const log = openOn(disk);
    await appendNumbered(log, 1, [100, 200]);
    disk.fail(operation, "EIO", 1);
    expect(codes(await appendAll(log, 3))).toEqual(Array(3).fill("LOG_WRITE_FAILED"));
    expect(codes(await appendAll(log, 2))).toEqual(Array(2).fill("LOG_WRITE_FAILED"));
    expect(log.last).toBe(2);
    await expect(log.truncate(2 as LogIndex)).rejects.toMatchObject({ code: "LOG_WRITE_FAILED" });
    await log.close();
    disk.crash({ kind: "dropped" });
    const again = openOn(disk);
    expect(entriesOf(again)).toEqual([numbered(1, 100), numbered(2, 200)]);
    expect(codes(await appendNumbered(again, 3, [100]))).toEqual([3]);
  });

test("what a failed sync has lost is durable again once the next life serves it", async () => {
  const disk = new MemoryDisk({ direct: false });
  const log = openOn(disk);
  await appendNumbered(log, 1, [100, 200]);
  disk.fail("sync", "EIO", 1);
  expect(codes(await appendNumbered(log, 3, [5000]))).toEqual(["LOG_WRITE_FAILED"]);
  await log.close();
  const again = openOn(disk);
  expect(codes(await appendNumbered(again, 4, [100]))).toEqual([4]);
  disk.crash({ kind: "dropped" });
  const sizes = [100, 200, 5000, 100];
  expect(entriesOf(openOn(disk))).toEqual(sizes.map((bytes, n) => numbered(n + 1, bytes)));
});

test("a start that cannot make the last batch durable is refused until it can", async () => {
  const disk = new MemoryDisk();
  await appendNumbered(openOn(disk), 1, [100, 5000]);
  for (const [operation, error, code] of [
    ["write", "EIO", "LOG_WRITE_FAILED"],
    ["write", "ENOSPC", "LOG_DISK_FULL"],
    ["sync", "EIO", "LOG_WRITE_FAILED"],
  ] as const) {
    disk.fail(operation, error, 1, (path) => path.endsWith("0000000001.log"));
    const refused = openOn(disk);
    await expect(refused.start()).rejects.toMatchObject({ code });
    await refused.close();
  }
  const again = openOn(disk);
  expect(codes(await appendNumbered(again, 3, [100]))).toEqual([3]);
  disk.crash({ kind: "dropped" });
  expect(entriesOf(openOn(disk)).map((entry) => entry.length)).toEqual([100, 5000, 100]);
});

test("truncation on a full disk makes its own room; any other failure is final", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  await appendNumbered(log, 1, Array(30).fill(5000));
  await log.truncate(15 as LogIndex);
  const manifest = (path: string) => path.endsWith("manifest.tmp");
  disk.fail("write", "ENOSPC", 1, manifest);
  await log.truncate(20 as LogIndex);
  expect(log.first).toBeGreaterThan(15);
  disk.fail("write", "ENOSPC", 2, manifest);
  await expect(log.truncate(29 as LogIndex)).rejects.toMatchObject({ code: "LOG_DISK_FULL" });
  await log.truncate(29 as LogIndex);
  await appendNumbered(log, 31, Array(10).fill(5000));
  disk.fail("sync", "EIO", 1, manifest);
  await expect(log.truncate(40 as LogIndex)).rejects.toMatchObject({ code: "LOG_WRITE_FAILED" });
  expect(codes(await appendAll(log, 1))).toEqual(["LOG_WRITE_FAILED"]);
  expect(openOn(disk.fork({ kind: "dropped" })).last).toBe(40);
});

test("a free file of a number still to come is not written over", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  await appendNumbered(log, 1, Array(12).fill(5000));
  await log.close();
  const later = disk.fork({ kind: "kept" });
  const next = openOn(later);
  await appendNumbered(next, 13, Array(12).fill(5000));
  await next.truncate(24 as LogIndex);
  await appendNumbered(next, 25, Array(9).fill(5000));
  // The older state is put back over the newer one; the newest file is left as a free one.
  const newest = later.list(directory).findLast((name) => name.endsWith(".log"))!;
  const file = disk.open(`${directory}/0000000001.free`, { mode: "create" });
  file.write(later.readFile(`${directory}/${newest}`), 0);
  const again = openOn(disk);
  expect(codes(await appendNumbered(again, 13, [5000, 5000, 5000, 5000, 5000, 5000]))).toEqual([
    13, 14, 15, 16, 17, 18,
  ]);
  expect(openOn(disk).last).toBe(18);
  expect(disk.status(`${directory}/0000000001.free`)).toBe(null);
});

test("what the last life wrote and did not sync is durable once it is served", async () => {
  const disk = new MemoryDisk({ direct: false });
  const log = openOn(disk);
  await appendNumbered(log, 1, [100]);
  const before = disk.fork({ kind: "kept" });
  await appendNumbered(log, 2, [100]);
  const path = `${directory}/0000000001.log`;
  before.open(path, { mode: "write" }).write(disk.contents().get(path)!, 0);
  const next = openOn(before);
  expect(next.last).toBe(2);
  await next.start();
  before.crash({ kind: "dropped" });
  expect(openOn(before).last).toBe(2);
});

test("after a log key was retired no file from before is written over again", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  const canary = Buffer.from("old key's ciphertext, never to be kept");
  for (let n = 0; n < 30; n++) await appendOne(log, Buffer.alloc(5000, canary));
  await log.truncate(20 as LogIndex);
  expect(disk.list(directory).some((name) => name.endsWith(".free"))).toBe(true);
  await log.retireFiles();
  expect(disk.list(directory).some((name) => name.endsWith(".free"))).toBe(false);
  expect(log.holdsRetiredFiles).toBe(true);
  await appendNumbered(log, 31, [100]);
  await log.truncate((log.last + 1) as LogIndex);
  expect(log.holdsRetiredFiles).toBe(false);
  expect([log.first, log.last]).toEqual([31, 31]);
  for (const bytes of disk.contents().values()) expect(bytes.includes(canary)).toBe(false);
  await log.close();
});

test("reuse is forbidden at once, and what was free goes after it", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  const canary = Buffer.from("clear text from before the cutover");
  for (let n = 0; n < 30; n++) await appendOne(log, Buffer.alloc(5000, canary));
  await log.truncate(20 as LogIndex);
  log.forbidReuse();
  for (let n = 0; n < 30; n++) await appendOne(log, Buffer.alloc(5000, 7));
  await log.truncate((log.last - 1) as LogIndex);
  expect(log.holdsRetiredFiles).toBe(false);
  for (const bytes of disk.contents().values()) expect(bytes.includes(canary)).toBe(false);
  await log.close();
});

test("a truncation under way keeps no file that is retired meanwhile", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  const canary = 0xa5;
  for (let n = 0; n < 30; n++) await appendOne(log, Buffer.alloc(5000, canary));
  const truncating = log.truncate(20 as LogIndex);
  // It has begun, and lets others have their turn between two files.
  await new Promise((resolve) => setImmediate(resolve));
  await log.retireFiles();
  await truncating;
  expect(disk.list(directory).some((name) => name.endsWith(".free"))).toBe(false);
  await log.close();
});

test("a log keeps few files, recycles them, and a stale frame never surfaces", async () => {
  const disk = new MemoryDisk();
  let log = openOn(disk);
  for (let n = 1; n <= 120; n++) {
    await appendNumbered(log, n, [4000]);
    if (n % 5 === 0) await log.truncate((n - 2) as LogIndex);
    if (n % 17 !== 0) continue;
    await log.close();
    log = openOn(disk);
    expect(entriesOf(log).at(-1)).toEqual(numbered(n, 4000));
    expect(log.last).toBe(n);
  }
  expect(disk.list(directory).length).toBeLessThanOrEqual(8);
  const free = disk.list(directory).filter((name) => name.endsWith(".free"));
  expect([1, 2]).toContain(free.length);
});

test("nothing runs after close: the handles are closed and the process may end", async () => {
  const disk = new MemoryDisk();
  const close = vi.fn();
  const open = disk.open.bind(disk);
  let opened = 0;
  disk.open = (path, options) => {
    const file = open(path, options);
    const whole = file.close.bind(file);
    opened++;
    file.close = () => {
      close();
      whole();
    };
    return file;
  };
  const log = openOn(disk);
  await appendNumbered(log, 1, Array(12).fill(5000));
  entriesOf(log);
  await log.truncate(9 as LogIndex);
  await log.close();
  expect(close.mock.calls.length).toBe(opened);
});
