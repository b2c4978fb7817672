// Goal: small writes to a quick disk are made on the event loop, all others are not; a slow disk is
// met there seldom; the promises about callbacks and failures hold on the loop as in a thread.
import { expect, test } from "vitest";
import type { DiskFile, OpenOptions } from "../../base/ports.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendOne, entriesOf, numbered } from "../suite.ts";
import { appendNumbered, openOn, stoppedClock } from "../testing/segments.ts";
import { Pace } from "./pace.ts";

/** A clock that the writes of a test move. */
class Watch {
  ms = 0;
  readonly nowMs = (): number => this.ms;
  readonly monotonicMs = (): number => this.ms;
  readonly sinceBootMs = (): number => this.ms;
}

/** How many of `count` writes were made on the loop, each taking `ms` there. */
function onLoop(pace: Pace, watch: Watch, count: number, bytes: number, ms: number): number {
  let made = 0;
  for (let n = 0; n < count; n++) {
    if (!pace.onLoop(bytes)) continue;
    made++;
    pace.measure(() => {
      watch.ms += ms;
    });
  }
  return made;
}

test("small writes to a quick disk are made on the loop, others are handed over", () => {
  const watch = new Watch();
  expect(onLoop(new Pace(watch), watch, 100, 65_536, 0.1)).toBe(100);
  expect(onLoop(new Pace(watch), watch, 100, 69_632, 0.1)).toBe(0);
  expect(onLoop(new Pace(null), watch, 100, 4096, 0.1)).toBe(0);
});

test("a small write in a stream of large ones is handed over, until they have ended", () => {
  const watch = new Watch();
  const pace = new Pace(watch);
  onLoop(pace, watch, 50, 500_000, 0.1);
  expect(onLoop(pace, watch, 5, 4096, 0.1)).toBe(0);
  expect(onLoop(pace, watch, 100, 4096, 0.1)).toBeGreaterThan(70);
});

test("a slow disk holds the loop up seldom; a quick one is found again", () => {
  const watch = new Watch();
  const pace = new Pace(watch);
  onLoop(pace, watch, 20_000, 4096, 5);
  expect(onLoop(pace, watch, 40_000, 4096, 5)).toBeLessThan(50);
  onLoop(pace, watch, 5000, 4096, 0.1);
  expect(onLoop(pace, watch, 10_000, 4096, 0.1)).toBe(10_000);
});

test("slow writes among quick ones are got over", () => {
  const watch = new Watch();
  const pace = new Pace(watch);
  for (let round = 0; round < 50; round++) {
    expect(onLoop(pace, watch, 100, 4096, 0.2)).toBe(100);
    expect(onLoop(pace, watch, 1, 4096, 200)).toBe(1);
  }
});

/** Records what the disk is asked for: W a write on the loop, A one handed over. */
class KindsDisk extends MemoryDisk {
  kinds = "";
  override open(path: string, options: OpenOptions): DiskFile {
    const file = super.open(path, options);
    if (path.includes("manifest")) return file;
    const [write, writeAsync] = [file.write.bind(file), file.writeAsync.bind(file)];
    const handedOver = new WeakSet<Uint8Array>();
    file.write = (data, position) => {
      if (!handedOver.has(data)) this.kinds += "W";
      write(data, position);
    };
    file.writeAsync = (data, position, done) => {
      handedOver.add(data);
      if (data.some((byte) => byte !== 0)) this.kinds += "A";
      writeAsync(data, position, done);
    };
    return file;
  }
}

for (const direct of [true, false])
  test(`no callback runs inside append, and each in its turn, direct ${direct}`, async () => {
    const disk = new KindsDisk({ direct });
    const log = openOn(disk, { fileBytes: 1024 * 1024 }, stoppedClock);
    await log.start();
    disk.kinds = "";
    const told: number[] = [];
    const all = [1, 2, 3, 4].map(
      (n) =>
        new Promise<void>((resolve) => {
          log.append(numbered(n), (error, index) => {
            expect(error).toBe(null);
            told.push(index);
            resolve();
          });
        }),
    );
    expect(told).toEqual([]);
    expect(disk.kinds).toBe("W");
    await Promise.all(all);
    expect(told).toEqual([1, 2, 3, 4]);
    expect(disk.kinds).toBe("WW");
    // Nothing but what was told is needed to find it again.
    expect(entriesOf(openOn(disk.fork({ kind: "dropped" }))).length).toBe(4);
    await log.close();
  });

test("large entries are handed over, small ones in between wait for them", async () => {
  const disk = new KindsDisk();
  const limits = { fileBytes: 4 * 1024 * 1024, batchBytesMax: 1024 * 1024 };
  const log = openOn(disk, limits, stoppedClock);
  await log.start();
  disk.kinds = "";
  const sizes = [100_000, 64, 100_000, 64];
  const outcomes = await Promise.all(
    sizes.map((bytes, n) => appendOne(log, numbered(n + 1, bytes))),
  );
  expect(outcomes.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
  expect(disk.kinds).toBe("AA");
  await log.close();
});

for (const direct of [true, false])
  test(`a full disk on the loop keeps what was told and goes on, direct ${direct}`, async () => {
    const disk = new MemoryDisk({ direct });
    const log = openOn(disk, {}, stoppedClock);
    await appendNumbered(log, 1, [100, 100]);
    disk.fail("write", "ENOSPC", 1);
    const [one, other] = await Promise.all([
      appendOne(log, numbered(3)),
      appendOne(log, numbered(4)),
    ]);
    for (const { error } of [one, other]) expect(error).toMatchObject({ code: "LOG_DISK_FULL" });
    expect(await appendNumbered(log, 3, [100])).toMatchObject([{ error: null, index: 3 }]);
    await log.close();
    expect(entriesOf(openOn(disk.fork({ kind: "dropped" }))).length).toBe(3);
  });

for (const [direct, operation] of [
  [true, "write"],
  [false, "write"],
  [false, "sync"],
] as const)
  test(`a failed ${operation} on the loop is final, direct ${direct}`, async () => {
    const disk = new MemoryDisk({ direct });
    const log = openOn(disk, {}, stoppedClock);
    await appendNumbered(log, 1, [100, 200]);
    disk.fail(operation, "EIO", 1);
    const failed = { error: { code: "LOG_WRITE_FAILED" } };
    expect(await Promise.all([3, 4].map((n) => appendOne(log, numbered(n))))).toMatchObject([
      failed,
      failed,
    ]);
    expect(await appendOne(log, numbered(3))).toMatchObject(failed);
    expect(log.last).toBe(2);
    await log.close();
    disk.crash({ kind: "dropped" });
    expect(entriesOf(openOn(disk))).toEqual([numbered(1, 100), numbered(2, 200)]);
  });
