/**
 * Puts a recovered directory in order once the node has decided to start: the segment that was
 * open is cut behind its last commit, its last run is written once more, since its sync may have
 * failed or never come, and it is closed; missing hints are written, leftovers are removed.
 * Until then nothing on disk has changed, so a start that refuses leaves everything as it was.
 * Doing it again after a crash in the middle gives the same result.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { isDiskFull } from "../../files/batchfile.ts";
import { blockBytes, fileSeed } from "../../files/framing.ts";
import { rewriteFrames } from "../../files/rewrite.ts";
import type { Segment } from "./books.ts";
import { encodeHint, type HintEntries } from "./hint.ts";
import { withSegmentMac } from "./keys.ts";
import type { Ledger, LedgerInput } from "./ledger.ts";
import { hintPath } from "./names.ts";
import type { Recovered, Tail } from "./recover.ts";

/** @throws STORE_DISK_FULL; STORE_WRITE_FAILED. */
export function settle(disk: Disk, input: LedgerInput, ledger: Ledger, recovered: Recovered): void {
  try {
    if (recovered.fresh) disk.makeDirectory(input.directory);
    putInOrder(disk, input, ledger, recovered);
  } catch (cause) {
    if (isDiskFull(cause)) throw new StrongroomError("STORE_DISK_FULL", "", { cause });
    throw new StrongroomError("STORE_WRITE_FAILED", "at start", { cause });
  }
}

function putInOrder(disk: Disk, input: LedgerInput, ledger: Ledger, recovered: Recovered): void {
  const { books, tail, leftovers, manifest, durable, durableMac } = recovered;
  // A full disk ends an attempt half way; the next one meets what that has done.
  for (const path of leftovers) if (disk.status(path) !== null) disk.unlink(path);
  let changed = manifest.pending.length > 0 || manifest.retired.length > 0;
  for (const [segment, entries] of recovered.withoutHint) writeHint(disk, input, segment, entries);
  let emptied: Segment | null = null;
  if (tail !== null) {
    changed = true;
    const { segment } = tail;
    if (segment.length === blockBytes) {
      emptied = segment;
      books.segments.delete(segment.header.number);
      ledger.retired.add(segment.header.number);
    } else {
      cut(disk, tail);
      writeHint(disk, input, segment, tail.entries);
      segment.closed = true;
    }
  }
  const { keyId } = input.keys.signing();
  if (changed || recovered.manifestKeyId !== keyId)
    disk.replaceFile(ledger.path, ledger.encode(durable, durableMac));
  ledger.signedBy = keyId;
  if (emptied !== null) {
    removeSegment(disk, input.directory, emptied);
    ledger.retired.delete(emptied.header.number);
  }
  if (leftovers.length > 0) disk.syncDirectory(input.directory);
}

/** The manifest will tell this length, and the log keeps no entry that it covers. */
function cut(disk: Disk, { segment, lastRun }: Tail): void {
  const file = disk.open(segment.path, { mode: "write" });
  try {
    if (file.size() !== segment.length) file.truncate(segment.length);
    rewriteFrames(file, fileSeed(segment.header.number), lastRun, segment.length);
  } finally {
    file.close();
  }
}

function removeSegment(disk: Disk, directory: string, segment: Segment): void {
  if (disk.status(segment.path) !== null) disk.unlink(segment.path);
  const hint = hintPath(directory, segment.header.number);
  if (disk.status(hint) !== null) disk.unlink(hint);
  disk.syncDirectory(directory);
}

function writeHint(disk: Disk, input: LedgerInput, segment: Segment, entries: HintEntries): void {
  const { keyId, number } = segment.header;
  const identity = { keyId, number, length: segment.length, lastMac: segment.lastMac };
  const data = withSegmentMac(input.primitives, input.keys, segment.header, (mac) =>
    encodeHint(identity, entries, mac),
  );
  disk.replaceFile(hintPath(input.directory, number), data);
}
