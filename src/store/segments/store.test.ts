// Goal: the segment store has every property of a store, on a real disk and on one in memory, with
// the addon and without, sealed and clear.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk } from "../../base/ports.ts";
import { NodeDisk } from "../../platform/disk.ts";
import { loadPrimitives } from "../../platform/primitives.ts";
import { systemRandom } from "../../platform/random.ts";
import { systemScheduler } from "../../platform/scheduler.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { storeSuite } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openSegmentStore, type SegmentStore, type SegmentStoreOptions } from "./store.ts";

const place = { cluster: Buffer.alloc(16, 9), group: 0 };

function harness(disk: Disk, directory: string, extra: Partial<SegmentStoreOptions>) {
  const keys = extra.keys ?? new TestKeys();
  return {
    durable: true,
    async open() {
      return openSegmentStore({
        disk,
        directory,
        place,
        primitives: loadPrimitives(),
        keys,
        scheduler: systemScheduler,
        random: systemRandom,
        segmentBytes: 64 * 1024,
        runBytes: 4096,
        compress: true,
        compactor: { bytesPerSecond: Number.POSITIVE_INFINITY, automatic: false },
        ...extra,
      });
    },
    async compact(store: unknown) {
      await (store as SegmentStore).compactor.compact();
    },
  };
}

storeSuite("segments, memory disk", () => harness(new MemoryDisk(), "/data/store", {}));

storeSuite("segments, no direct writes", () =>
  harness(new MemoryDisk({ direct: false }), "/data/store", {}),
);

storeSuite("segments, clear", () =>
  harness(new MemoryDisk(), "/data/store", { keys: new TestKeys(0) }),
);

storeSuite("segments, compactor running", () =>
  harness(new MemoryDisk(), "/data/store", {
    compactor: { bytesPerSecond: Number.POSITIVE_INFINITY, deadShareMin: 0.2, stepBytes: 4096 },
  }),
);

storeSuite("segments, real disk", () => {
  const root = mkdtempSync(join(tmpdir(), "strongroom-store-"));
  const made = harness(new NodeDisk(), join(root, "store"), {});
  return { ...made, dispose: async () => rmSync(root, { recursive: true, force: true }) };
});
