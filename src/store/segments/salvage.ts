/**
 * Reads a store's control records without any key: for a node whose sidecar is lost, the wraps that
 * it needs to open anything stand there in clear. Nothing that is found is believed: checksums find
 * accidents only, so the caller opens the store with the keys that the wraps give, which verifies
 * every MAC, and compares. Changes nothing on disk. docs/formats/sidecar.md.
 * @module
 */
import { ByteReader } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import {
  type ControlRecord,
  checkRecord,
  kindCommit,
  kindControl,
  readControl,
} from "../../entry/record.ts";
import { fileSeed } from "../../files/framing.ts";
import { manifestBytesMax, readUnverified } from "../../files/manifest.ts";
import { FrameScanner } from "../../files/scanner.ts";
import { decodeManifestEntries, type ManifestState } from "./manifest.ts";
import { manifestKind, manifestPath, segmentPath } from "./names.ts";

export interface Salvaged {
  /** 16 bytes: the cluster that the manifest names. */
  readonly cluster: Buffer;
  /** The newest row of every key of every table, deleted ones left out. */
  readonly controls: readonly ControlRecord[];
}

function manifestEntries(disk: Disk, directory: string): readonly Buffer[] | null {
  const path = manifestPath(directory);
  const status = disk.status(path);
  if (status === null) return null;
  if (status.kind !== "file" || status.bytes > manifestBytesMax)
    throw new StrongroomError("FILE_MANIFEST_DAMAGED", `${path}: not a file of a sane size`);
  return readUnverified(manifestKind, disk.readFile(path), path);
}

/**
 * The cluster that a store says it is of; null if there is no manifest yet.
 * @throws FILE_MANIFEST_DAMAGED, FORMAT_*.
 */
export function clusterOfStore(disk: Disk, directory: string): Buffer | null {
  const first = manifestEntries(disk, directory)?.[0];
  return first === undefined ? null : Buffer.from(new ByteReader(first).bytes(16));
}

/**
 * @returns null if the store was never written.
 * @throws STORE_FILE_MISSING, FILE_*, FORMAT_*.
 */
export function salvageControls(disk: Disk, directory: string): Salvaged | null {
  const entries = manifestEntries(disk, directory);
  const first = entries?.[0];
  if (entries === null || first === undefined) return null;
  const cluster = Buffer.from(new ByteReader(first).bytes(16));
  const state = decodeManifestEntries(entries);
  const newest = new Map<string, ControlRecord>();
  for (const segment of state.segments)
    for (const record of controlsOf(disk, directory, segment)) {
      const name = `${record.table}:${record.key.toString("latin1")}`;
      const known = newest.get(name);
      if (known === undefined || known.sequence < record.sequence) newest.set(name, record);
    }
  return { cluster, controls: [...newest.values()].filter(({ deleted }) => !deleted) };
}

/** Those of runs that end in a commit, as recovery counts them. */
function controlsOf(
  disk: Disk,
  directory: string,
  { number, keyId, closed, length }: ManifestState["segments"][number],
): ControlRecord[] {
  const path = segmentPath(directory, number);
  if (disk.status(path) === null) throw new StrongroomError("STORE_FILE_MISSING", path);
  const committed: ControlRecord[] = [];
  let run: ControlRecord[] = [];
  const file = disk.open(path, { mode: "read" });
  try {
    const end = closed ? length : file.size();
    const scanner = new FrameScanner(file, { seed: fileSeed(number), end });
    while (scanner.next()) {
      const { buffer, bodyAt, bodyLength } = scanner;
      const kind = checkRecord(buffer, bodyAt, bodyLength, keyId !== 0);
      if (kind === kindControl) {
        const body = Buffer.from(buffer.subarray(bodyAt, bodyAt + bodyLength));
        run.push(readControl(body, 0, bodyLength));
      } else if (kind === kindCommit) {
        for (const record of run) committed.push(record);
        run = [];
      }
    }
  } finally {
    file.close();
  }
  return committed;
}
