// Goal: on a full disk files are retired as often as it is asked, and a copy of the log that was
// made by hard links stays as it was.
import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import { NodeDisk } from "../../platform/disk.ts";
import { systemScheduler as scheduler } from "../../platform/scheduler.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendNumbered, identity, openOn } from "../testing/segments.ts";
import { openSegmentLog } from "./open.ts";

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

for (const linked of [".log", ".free"])
  test(`log: a copy of a ${linked} file, made by a hard link, is not written over`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "strongroom-log-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [directory, copy] = [join(folder, "log"), join(folder, "copy")];
    const limits = { fileBytes: 32 * 1024, batchBytesMax: 16 * 1024, freeFilesMax: 2 };
    const disk = new NodeDisk();
    const log = openSegmentLog({ disk, directory, scheduler, limits, ...identity });
    await appendNumbered(log, 1, Array(15).fill(5000));
    if (linked === ".free") await log.truncate(log.last);
    const names = readdirSync(directory).filter((name) => name.endsWith(linked));
    // Not of the one that is being written, nor of the next.
    const closed = names.slice(0, 2);
    mkdirSync(copy);
    for (const name of closed) linkSync(join(directory, name), join(copy, name));
    const bytes = () => closed.map((name) => readFileSync(join(copy, name)));
    const before = bytes();
    expect(before.length).toBe(2);
    for (let n = 0; n < 15; n++) {
      await appendNumbered(log, log.last + 1, [5000]);
      await log.truncate(log.last);
    }
    await log.close();
    expect(bytes().map((now, at) => now.equals(before[at]!))).toEqual([true, true]);
  });
