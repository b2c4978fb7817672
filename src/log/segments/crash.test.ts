// Goal: wherever the machine stops, everything acknowledged is there, nothing was invented, there
// is no gap, and the log goes on. Method: a fixed life of a log (rotations, truncations, recycled
// files, a stop and a restart) on a disk that stops after the n-th operation, for every n; every
// fate of what was not synced; then the same again with a stop during recovery. Or a sync fails,
// each in turn, the next process goes on, and then the power fails.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import { isStrongroomError } from "../../base/errors.ts";
import { systemScheduler as scheduler } from "../../platform/scheduler.ts";
import { type CrashVariant, MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendOne, entriesOf, numbered } from "../suite.ts";
import { stoppedClock } from "../testing/segments.ts";
import { openSegmentLog, type SegmentLog } from "./open.ts";

const identity = { cluster: Buffer.alloc(16, 7), group: 3 };
const limits = { fileBytes: 32 * 1024, batchBytesMax: 16 * 1024, freeFilesMax: 2 };

/** Disks whose logs write on the event loop. */
const onLoop = new WeakSet<MemoryDisk>();

function openOn(disk: MemoryDisk): SegmentLog {
  const clock = onLoop.has(disk) ? { clock: stoppedClock } : {};
  return openSegmentLog({ disk, directory: "/data/log", scheduler, limits, ...clock, ...identity });
}

function makeDisk(direct: boolean, loop: boolean): MemoryDisk {
  const disk = new MemoryDisk({ direct });
  if (loop) onLoop.add(disk);
  return disk;
}

/** What was tried and what was acknowledged; index n is at n - 1. */
interface Oracle {
  readonly tried: Buffer[];
  acknowledged: number;
  truncated: number;
  /** An entry was refused: the process ends. */
  refused: boolean;
}

function newOracle(): Oracle {
  return { tried: [], acknowledged: 0, truncated: 1, refused: false };
}

async function appendSome(log: SegmentLog, oracle: Oracle, sizes: number[]): Promise<void> {
  const done = sizes.map((bytes) => {
    const entry = numbered(oracle.tried.length + 1, bytes);
    oracle.tried.push(entry);
    return appendOne(log, entry).then(({ error, index }) => {
      oracle.refused ||= error !== null;
      if (error !== null) return;
      expect(index).toBe(oracle.acknowledged + 1);
      oracle.acknowledged = index;
    });
  });
  await Promise.all(done);
}

/** Returns early, quietly, when the disk stops. */
async function life(disk: MemoryDisk, oracle: Oracle): Promise<void> {
  try {
    for (let round = 0; round < 2; round++) {
      const log = openOn(disk);
      await log.start();
      for (let n = 0; n < 5; n++) {
        await appendSome(log, oracle, [5000, 64, 9000]);
        if (disk.crashed || oracle.refused) return;
        if (n % 2 === 1) {
          oracle.truncated = oracle.acknowledged - 1;
          await log.truncate(oracle.truncated as LogIndex);
        }
      }
      if (round === 1) await log.retireFiles();
      await appendSome(log, oracle, [200]);
      if (oracle.refused) return;
      await log.close();
    }
  } catch (error) {
    if (!disk.crashed) throw error;
  }
}

/** Compares, then appends one more, so that a later look proves that the log goes on. */
async function check(disk: MemoryDisk, oracle: Oracle): Promise<void> {
  const log = openOn(disk);
  expect(log.first).toBeLessThanOrEqual(Math.max(oracle.truncated, 1));
  expect(log.last).toBeGreaterThanOrEqual(oracle.acknowledged);
  expect(entriesOf(log)).toEqual(oracle.tried.slice(log.first - 1, log.last));
  oracle.tried.length = log.last;
  oracle.acknowledged = log.last;
  try {
    await log.start();
    await appendSome(log, oracle, [300]);
    await log.truncate(oracle.truncated as LogIndex);
  } catch (error) {
    if (!disk.crashed) throw error;
  }
}

const variants: CrashVariant[] = [{ kind: "dropped" }, { kind: "kept" }, { kind: "torn", seed: 1 }];

for (const [direct, loop] of [
  [true, false],
  [false, false],
  [true, true],
  [false, true],
] as const) {
  const how = `${direct ? "direct" : "buffered"}, ${loop ? "on the loop" : "by a thread"}`;
  test(`a stop after every operation, ${how}`, async () => {
    const whole = makeDisk(direct, loop);
    await life(whole, newOracle());
    expect(whole.operations).toBeGreaterThan(100);
    for (let stop = 1; stop <= whole.operations; stop++) {
      const disk = makeDisk(direct, loop);
      const oracle = newOracle();
      disk.stopAfter(stop);
      await life(disk, oracle);
      for (const variant of variants) {
        const found = disk.fork(variant);
        const known = { ...oracle, tried: [...oracle.tried] };
        await check(found, known);
        await check(found.fork({ kind: "dropped" }), known);
      }
    }
  }, 120_000);
}

test("a sync that fails, whichever it is, then a restart, then a power failure", async () => {
  for (let nth = 1, met = true; met; nth++) {
    const disk = makeDisk(false, false);
    const oracle = newOracle();
    let left = nth;
    disk.fail("sync", "EIO", 1, () => --left === 0);
    await life(disk, oracle).catch((error: unknown) => {
      if (!isStrongroomError(error, "LOG_WRITE_FAILED")) throw error;
    });
    met = left <= 0;
    disk.clearFaults();
    await check(disk, oracle);
    for (const variant of variants)
      await check(disk.fork(variant), { ...oracle, tried: [...oracle.tried] });
    if (!met) expect(nth).toBeGreaterThan(30);
  }
}, 60_000);

test("stops during recovery, again and again, at random", async () => {
  const stops = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 6 });
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.boolean(),
    fc.integer({ min: 1, max: 150 }),
    stops,
    fc.integer(),
    async (direct, loop, first, later, seed) => {
      const disk = makeDisk(direct, loop);
      const oracle = newOracle();
      disk.stopAfter(first);
      await life(disk, oracle);
      disk.crash({ kind: "torn", seed });
      for (const stop of later) {
        disk.stopAfter(stop);
        await check(disk, oracle);
        disk.crash({ kind: "torn", seed: seed + stop });
      }
      await check(disk, oracle);
    },
  );
  await fc.assert(property, { numRuns: 150 });
}, 60_000);
