/**
 * Durable writes a second of the segment log: direct over recycled files against buffered and
 * fdatasync, one batch in flight, as a busy node writes them.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogIndex } from "../src/base/brand.ts";
import { openSegmentLog, type SegmentLog } from "../src/log/segments/open.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { systemScheduler as scheduler } from "../src/platform/scheduler.ts";

const batchKiB = [4, 64, 256, 800];
const fileBytes = 64 * 1024 * 1024;
const measureMs = 500;

export interface LogBenchRow {
  readonly kib: number;
  readonly direct: boolean;
  readonly perSecond: number;
  readonly mibPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the whole process, microseconds a KiB. */
  readonly cpuMicrosPerKib: number;
}

function appendAllocated(log: SegmentLog, bytes: number): Promise<void> {
  const entry = log.allocate(bytes);
  return new Promise((resolve, reject) => {
    log.append(entry, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** A log whose files were all written before. */
async function warmLog(folder: string, direct: boolean): Promise<SegmentLog> {
  const disk = new NodeDisk();
  const directory = join(folder, direct ? "direct" : "buffered");
  const identity = { cluster: Buffer.alloc(16), group: 0 };
  const limits = { fileBytes, direct };
  const log = openSegmentLog({ disk, directory, scheduler, limits, ...identity });
  await log.start();
  for (let written = 0; written < 3.2 * fileBytes; written += 2 ** 20) {
    await appendAllocated(log, 2 ** 20 - 32);
    await log.truncate((log.last + 1) as LogIndex);
  }
  return log;
}

async function measure(log: SegmentLog, kib: number): Promise<LogBenchRow> {
  // The headers of frame and entry take the rest of the last block.
  const bytes = kib * 1024 - 32;
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const from = performance.now();
  let now = from;
  while (now - from < measureMs) {
    await appendAllocated(log, bytes);
    const after = performance.now();
    times.push(after - now);
    now = after;
    if (times.length % 64 === 0) await log.truncate((log.last + 1) as LogIndex);
  }
  const spent = process.cpuUsage(cpu);
  const perSecond = (times.length * 1000) / (now - from);
  times.sort((one, other) => one - other);
  return {
    kib,
    direct: log.direct === true,
    perSecond,
    mibPerSecond: (perSecond * kib) / 1024,
    p50Ms: times[Math.floor(times.length * 0.5)] ?? 0,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
    cpuMicrosPerKib: (spent.user + spent.system) / (times.length * kib),
  };
}

function print(row: LogBenchRow): void {
  const cells = [
    `${row.kib} KiB`.padStart(9),
    (row.direct ? "direct" : "buffered").padStart(9),
    row.perSecond.toFixed(0).padStart(9),
    row.mibPerSecond.toFixed(0).padStart(8),
    row.p50Ms.toFixed(2).padStart(8),
    row.p99Ms.toFixed(2).padStart(8),
    row.cpuMicrosPerKib.toFixed(2).padStart(12),
  ];
  console.log(cells.join(" "));
}

/**
 * Prints a small table. Takes about eight seconds.
 * @param folder - On the file system to measure; it must have 600 MB to spare.
 */
export async function run(folder = process.env.STRONGROOM_BENCH_DIR ?? tmpdir()): Promise<void> {
  const own = mkdtempSync(join(folder, "strongroom-bench-"));
  try {
    console.log("log: durable writes a second, one in flight");
    console.log("    batch      mode     per s    MiB/s   p50 ms   p99 ms   cpu us/KiB");
    const logs = [await warmLog(own, true), await warmLog(own, false)];
    for (const kib of batchKiB) for (const log of logs) print(await measure(log, kib));
    for (const log of logs) await log.close();
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
