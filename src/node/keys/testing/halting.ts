/**
 * Disks whose log ends with an entry that cannot be applied: what a start halts at.
 * @module
 */
import type { GroupId } from "../../../base/brand.ts";
import { readSidecar } from "../../../control/keeper.ts";
import { entryHeaderBytes, readEntryHeader, writeEntryHeader } from "../../../entry/logentry.ts";
import { openSegmentLog } from "../../../log/segments/open.ts";
import { systemScheduler } from "../../../platform/scheduler.ts";
import { MemoryDisk } from "../../../platform/testing/memory-disk.ts";
import { openTestNode, type TestNode } from "../../testing/harness.ts";

/** The log key of a fresh directory. */
const logKeyId = 2;

/** The log of a node that does not run. */
export function logOf(disk: MemoryDisk) {
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

type Fill = (node: TestNode) => Promise<unknown>;

/** A node that stopped without a flush, and behind its entries one that no key opens. */
export function haltingDisk(fill: Fill): Promise<{ disk: MemoryDisk; index: number }> {
  return diskEndingWith(fill, (session, seq) => {
    const bad = Buffer.alloc(entryHeaderBytes + 60, 1);
    writeEntryHeader(bad, 0, { keyId: logKeyId, session, seq });
    bad.writeUInt16BE(0x0100, entryHeaderBytes);
    bad.writeUInt32BE(logKeyId, entryHeaderBytes + 2);
    return bad;
  });
}

/**
 * A node that stopped without a flush, and an entry behind its own.
 * @param entryOf - Gets the node's session and the number that comes next in it.
 */
export async function diskEndingWith(
  fill: Fill,
  entryOf: (session: bigint, seq: number) => Buffer,
): Promise<{ disk: MemoryDisk; index: number }> {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, { flushIntervalMs: 1e9, flushBytes: 1 << 20 });
  await fill(node);
  const crashed = disk.fork({ kind: "kept" });
  await node.node.close();
  const log = logOf(crashed);
  await log.start();
  let session = 0n;
  let seq = 0;
  for (const { entry } of log.read(log.first)) ({ session, seq } = readEntryHeader(entry));
  const index = await new Promise<number>((resolve, reject) => {
    log.append(entryOf(session, seq + 1), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  await log.close();
  return { disk: crashed, index };
}
