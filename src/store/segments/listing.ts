/**
 * The files of a store's directory as they lie there, each with the key that its own bytes name:
 * evidence that does not depend on what this process believes. It reads headers and changes
 * nothing. docs/formats/files.md.
 * @module
 */
import { isStrongroomError } from "../../base/errors.ts";
import type { Disk, Scheduler } from "../../base/ports.ts";
import { decodeFileHeader, readHeaderBlock } from "../../files/header.ts";
import { type FileName, parseName, segmentKind } from "./names.ts";

export interface StoreFile {
  readonly name: string;
  readonly kind: FileName["kind"];
  /** Number of the segment, 0 for others. */
  readonly number: number;
  /** Key that it names, 0: clear; null if that cannot be read. */
  readonly keyId: number | null;
  readonly bytes: number;
}

/** Where each kind of file names its key; a segment's in its header body. */
const keyIdAt = { segment: 23, hint: 9, manifest: 10 } as const;

/** Headers read at once; then others have their turn. */
const readAtOnce = 8;

export async function listStoreFiles(
  disk: Disk,
  directory: string,
  scheduler: Scheduler,
): Promise<StoreFile[]> {
  const files: StoreFile[] = [];
  for (const [at, name] of disk.list(directory).sort().entries()) {
    if (at % readAtOnce === readAtOnce - 1) await scheduler.yieldNow();
    const path = `${directory}/${name}`;
    const { kind, number } = parseName(name);
    const status = disk.status(path);
    // The compactor may take one away meanwhile.
    if (status === null) continue;
    files.push({ name, kind, number, keyId: keyOf(disk, path, kind), bytes: status.bytes });
  }
  return files;
}

function keyOf(disk: Disk, path: string, kind: FileName["kind"]): number | null {
  if (kind === "temporary" || kind === "unknown") return null;
  let block: Buffer;
  try {
    block = readHeaderBlock(disk, path);
    if (kind === "segment")
      return decodeFileHeader(segmentKind, block, path).readUInt32BE(keyIdAt.segment);
  } catch (error) {
    const gone = (error as { code?: unknown }).code === "ENOENT";
    if (!gone && !isStrongroomError(error)) throw error;
    return null;
  }
  const at = keyIdAt[kind];
  return block.length < at + 4 ? null : block.readUInt32BE(at);
}
