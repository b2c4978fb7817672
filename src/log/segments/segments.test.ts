import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Disk } from "../../base/ports.ts";
import { systemClock } from "../../platform/clock.ts";
import { NodeDisk } from "../../platform/disk.ts";
import { systemScheduler as scheduler } from "../../platform/scheduler.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { logSuite } from "../suite.ts";
import { stoppedClock } from "../testing/segments.ts";
import { openSegmentLog } from "./open.ts";

const identity = { cluster: Buffer.alloc(16, 7), group: 3 };
const limits = { fileBytes: 64 * 1024, batchBytesMax: 16 * 1024, entryBytesMax: 200_000 };
const capabilities = { keptAfterTruncateMax: 70, entryBytes: 200_000 };

for (const [direct, clock] of [
  [true, undefined],
  [false, undefined],
  [true, stoppedClock],
  [false, stoppedClock],
] as const) {
  let disk = new MemoryDisk({ direct });
  const options = { directory: "/data/log", scheduler, limits, ...(clock && { clock }) };
  logSuite(
    `segments in memory, ${direct ? "direct" : "buffered"}${clock ? ", on the loop" : ""}`,
    {
      open: async () => openSegmentLog({ disk, ...options, ...identity }),
      kill: async () => disk.crash({ kind: "torn", seed: 1 }),
      reset: async () => {
        disk = new MemoryDisk({ direct });
      },
    },
    capabilities,
  );
}

for (const [direct, clock] of [
  [true, undefined],
  [false, undefined],
  [true, systemClock],
] as const) {
  const folder = mkdtempSync(join(tmpdir(), "strongroom-log-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const disk: Disk = new NodeDisk();
  let round = 0;
  logSuite(
    `segments on a real disk, ${direct ? "direct" : "buffered"}${clock ? ", with a clock" : ""}`,
    {
      open: async () =>
        openSegmentLog({
          disk,
          directory: join(folder, String(round)),
          scheduler,
          limits: { ...limits, direct },
          ...(clock && { clock }),
          ...identity,
        }),
      kill: async () => {},
      reset: async () => {
        rmSync(join(folder, String(round++)), { recursive: true, force: true });
      },
    },
    capabilities,
  );
}
