/**
 * Puts an entry that no key opens behind the log of a node that does not run: a start halts at it.
 * @module
 */
import { activeKey } from "../../src/control/document.ts";
import { readSidecar } from "../../src/control/keeper.ts";
import { entryHeaderBytes, readEntryHeader, writeEntryHeader } from "../../src/entry/logentry.ts";
import { openSegmentLog } from "../../src/log/segments/open.ts";
import { NodeDisk } from "../../src/platform/disk.ts";
import { systemScheduler } from "../../src/platform/scheduler.ts";

const textBytes = 60;
const envelopeVersion = 1;

/** @returns the index of the entry; 0: the log is empty, so nobody speaks in it. */
export async function spoilLog(dataDir: string, fileBytes: number): Promise<number> {
  const disk = new NodeDisk();
  const document = readSidecar(disk, dataDir)?.document;
  if (document === undefined) throw new Error("no sidecar");
  const log = openSegmentLog({
    disk,
    directory: `${dataDir}/log`,
    cluster: document.cluster as never,
    group: 0 as never,
    scheduler: systemScheduler,
    limits: { fileBytes },
  });
  await log.start();
  try {
    let last = { session: 0n, seq: 0 };
    for (const { entry } of log.read(log.first)) last = { ...readEntryHeader(entry) };
    if (last.session === 0n) return 0;
    const keyId = activeKey(document, "log");
    const entry = Buffer.alloc(entryHeaderBytes + textBytes, 1);
    writeEntryHeader(entry, 0, { keyId, session: last.session, seq: last.seq + 1 });
    entry.writeUInt16BE(envelopeVersion << 8, entryHeaderBytes);
    entry.writeUInt32BE(keyId, entryHeaderBytes + 2);
    return await new Promise<number>((resolve, reject) => {
      log.append(entry, (error, index) => (error === null ? resolve(index) : reject(error)));
    });
  } finally {
    await log.close();
  }
}
