/**
 * What a directory holds of one segment that a manifest lists: its header, once the MAC is known to
 * be right, and its hint. Recovery and verification read both here, and so believe the same.
 * @module
 */
import type { Disk } from "../../base/ports.ts";
import { readHeaderBlock } from "../../files/header.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { isSystemError } from "../../platform/unusable.ts";
import type { SealedPlace } from "../../sealed/place.ts";
import type { StorageKeys } from "../store.ts";
import {
  checkHeaderMac,
  decodeSegmentHeader,
  type ReadHeader,
  type SegmentHeader,
} from "./header.ts";
import { type DecodedHint, decodeHint } from "./hint.ts";
import { withSegmentMac } from "./keys.ts";
import { hintPath } from "./names.ts";

export interface StoreSource {
  readonly disk: Disk;
  readonly directory: string;
  readonly place: SealedPlace;
  readonly primitives: Primitives;
  readonly keys: StorageKeys;
}

/** @throws as `decodeSegmentHeader` and `checkHeaderMac`; CRYPTO_KEY_UNKNOWN. */
export function readSegmentHeader(source: StoreSource, number: number, path: string): ReadHeader {
  const { disk, place, primitives, keys } = source;
  const read = decodeSegmentHeader(place, number, readHeaderBlock(disk, path), path);
  withSegmentMac(primitives, keys, read.header, (mac) => checkHeaderMac(place, read, mac, path));
  return read;
}

/** A closed segment, as the manifest tells it. */
export interface ClosedSegment {
  readonly header: SegmentHeader;
  readonly path: string;
  readonly length: number;
  readonly lastMac: Buffer;
}

/** Null: the disk does not give all of it. */
function readIfWhole(disk: Disk, path: string): Buffer | null {
  try {
    return disk.readFile(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return null;
  }
}

/** @returns null unless there is a hint, whole and authentic, of just this segment. */
export function readHint(source: StoreSource, segment: ClosedSegment): DecodedHint | null {
  const { disk, directory, primitives, keys } = source;
  const { header, length, lastMac } = segment;
  const { keyId, number } = header;
  const path = hintPath(directory, number);
  if (disk.status(path)?.kind !== "file") return null;
  const data = readIfWhole(disk, path);
  if (data === null) return null;
  const file = disk.open(segment.path, { mode: "read" });
  try {
    return withSegmentMac(primitives, keys, header, (mac) =>
      decodeHint({ keyId, number, length, lastMac }, data, mac, file),
    );
  } finally {
    file.close();
  }
}
