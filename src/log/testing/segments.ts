/**
 * For tests: segment logs on disks in memory, and disks made from files.
 * @module
 */
import { dirname } from "node:path";
import type { Clock } from "../../base/ports.ts";
import { systemScheduler as scheduler } from "../../platform/scheduler.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { SegmentLogLimits } from "../segments/limits.ts";
import { openSegmentLog, type SegmentLog } from "../segments/open.ts";
import { appendOne, numbered, type Outcome } from "../suite.ts";

export const directory = "/data/log";
export const identity = { cluster: Buffer.alloc(16, 7), group: 3 };
const smallLimits = { fileBytes: 32 * 1024, batchBytesMax: 16 * 1024, freeFilesMax: 2 };

/** A clock by which every write takes no time: small ones are made on the event loop. */
export const stoppedClock: Clock = { nowMs: () => 0, monotonicMs: () => 0, sinceBootMs: () => 0 };

export function openOn(
  disk: MemoryDisk,
  limits: Partial<SegmentLogLimits> = {},
  clock?: Clock,
): SegmentLog {
  const all = { ...smallLimits, ...limits };
  const timed = clock === undefined ? {} : { clock };
  return openSegmentLog({ disk, directory, scheduler, limits: all, ...timed, ...identity });
}

export type Files = ReadonlyMap<string, Buffer>;

/** A disk on which just these files lie, durably. */
export function diskWith(files: Files): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory(directory);
  for (const [path, bytes] of files) {
    const file = disk.open(path, { mode: "create" });
    file.write(bytes, 0);
    file.sync();
    file.close();
    disk.syncDirectory(dirname(path));
  }
  return disk;
}

/** Appends entries numbered from `first` on, one batch each. */
export async function appendNumbered(
  log: SegmentLog,
  first: number,
  sizes: readonly number[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const bytes of sizes)
    outcomes.push(await appendOne(log, numbered(first + outcomes.length, bytes)));
  return outcomes;
}
