// Goal: an entry that cannot be applied halts the node, also at a start, and an operator's word
// lets it pass: authenticated, with its reason kept, and never for another entry.
// Method: entries are put into the log of a stopped node; then it starts.
import { expect, test } from "vitest";
import type { GroupId } from "../../base/brand.ts";
import { readSidecar } from "../../control/keeper.ts";
import { entryHeaderBytes, readEntryHeader, writeEntryHeader } from "../../entry/logentry.ts";
import { openSegmentLog } from "../../log/segments/open.ts";
import { systemScheduler } from "../../platform/scheduler.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { openTestNode } from "../testing/harness.ts";

let drawn = 0;
const request = (): string => `${(++drawn).toString(16).padStart(31, "0")}5`;

function logOf(disk: MemoryDisk) {
  const cluster = readSidecar(disk, "/data")?.document.cluster;
  return openSegmentLog({
    disk,
    directory: "/data/log",
    cluster: cluster as never,
    group: 0 as GroupId,
    scheduler: systemScheduler,
    limits: { fileBytes: 64 << 10 },
  });
}

/** A node that stopped without a flush, and behind its entries one that no key opens. */
async function halting(): Promise<{ disk: MemoryDisk; index: number }> {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, { flushIntervalMs: 1e9 });
  for (let n = 0; n < 5; n++) await node.run("set", `k${n}`, "v");
  const crashed = disk.fork({ kind: "kept" });
  await node.node.close();
  const log = logOf(crashed);
  await log.start();
  let session = 0n;
  let seq = 0;
  for (const { entry } of log.read(log.first)) ({ session, seq } = readEntryHeader(entry));
  const bad = Buffer.alloc(entryHeaderBytes + 60, 1);
  writeEntryHeader(bad, 0, { keyId: 2, session, seq: seq + 1 });
  bad.writeUInt16BE(0x0100, entryHeaderBytes);
  bad.writeUInt32BE(2, entryHeaderBytes + 2);
  const index = await new Promise<number>((resolve, reject) => {
    log.append(bad, (error, at) => (error === null ? resolve(at) : reject(error)));
  });
  await log.close();
  return { disk: crashed, index };
}

test("skip: a bad entry halts the start, which can be told to pass it", async () => {
  const { disk, index } = await halting();
  const node = await openTestNode(disk);
  const { keys } = node.node;
  expect(node.node.status()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
  expect(keys.keyring().haltReason).toContain("CRYPTO_TAG_MISMATCH");
  expect(await node.run("get", "k4")).toMatch(/^-/);
  expect(await node.run("set", "k", "v")).toMatch(/^-/);
  await expect(keys.rotate(request(), "log", 0)).rejects.toMatchObject({ code: "NODE_HALTED" });
  for (const [at, reason] of [
    [index - 1, "another"],
    [index + 1, "another"],
    [index, ""],
    [index, "x".repeat(2000)],
  ] as const)
    await expect(keys.skip(request(), at, reason)).rejects.toMatchObject({
      code: "KEY_SKIP_REFUSED",
    });
  const id = request();
  const skipped = await keys.skip(id, index, "the disk had rotted");
  expect(skipped).toEqual({ appliedIndex: index + 1, changed: true });
  await node.node.close();
  const next = await openTestNode(disk);
  expect(next.node.status().state).toBe("serving");
  expect(next.alarms).toContain(`entry-skipped: entry ${index}`);
  const told = next.node.keys.history().filter(({ kind }) => kind === "skip");
  expect(told).toMatchObject([
    {
      index: index + 1,
      detail: `entry ${index}: the disk had rotted`,
      proposer: expect.any(String),
    },
  ]);
  expect(await next.run("set", "k", "v")).toBe("+OK\r\n");
  await expect(next.node.keys.skip(request(), index, "again")).rejects.toMatchObject({
    code: "KEY_SKIP_REFUSED",
  });
  expect(await next.node.keys.skip(id, index, "again")).toEqual({ ...skipped, changed: false });
  await next.node.close();
  const last = await openTestNode(disk);
  expect(await last.run("dbsize")).toBe(":6\r\n");
  await last.node.close();
});

test("skip: a node that has not halted passes nothing", async () => {
  const node = await openTestNode(new MemoryDisk());
  await expect(node.node.keys.skip(request(), 3, "why not")).rejects.toMatchObject({
    code: "KEY_SKIP_REFUSED",
  });
  await node.node.close();
});
