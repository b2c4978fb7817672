// Goal: on a full disk files are retired as often as it is asked.
import { expect, test } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendNumbered, openOn } from "../testing/segments.ts";

test("log: files that are retired again on a full disk are refused for want of room", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  await appendNumbered(log, 1, [100]);
  disk.fail("create", "ENOSPC", Number.POSITIVE_INFINITY, (path) => path.endsWith("next.tmp"));
  const full = { code: "LOG_DISK_FULL" };
  await expect(log.clear(2 as LogIndex)).rejects.toMatchObject(full);
  disk.fail("create", "ENOSPC", Number.POSITIVE_INFINITY);
  await log.retireFiles();
  await expect(log.clear(2 as LogIndex)).rejects.toMatchObject(full);
  disk.clearFaults();
  await log.clear(2 as LogIndex);
  expect(await appendNumbered(log, 2, [100])).toMatchObject([{ error: null, index: 2 }]);
  await log.close();
});
