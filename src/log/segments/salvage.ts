/**
 * What a log tells of itself without its cluster being known: for a node whose sidecar is lost.
 * @module
 */
import { join } from "node:path";
import { ByteReader } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { readManifest } from "../../files/manifest.ts";
import { logManifestKind, manifestName } from "./format.ts";

/**
 * The cluster that the manifest names, 16 bytes; null if there is no log yet.
 * @throws FILE_MANIFEST_DAMAGED, FORMAT_*.
 */
export function clusterOfLog(disk: Disk, directory: string): Buffer | null {
  const path = join(directory, manifestName);
  const manifest = readManifest(disk, path, logManifestKind, () => {
    throw new StrongroomError("FILE_MANIFEST_DAMAGED", path);
  });
  const entry = manifest?.entries[0];
  return entry === undefined ? null : Buffer.from(new ByteReader(entry).bytes(16));
}
