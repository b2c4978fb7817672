/**
 * What every sealed byte is bound to besides its own header: the use, the cluster and the group.
 * The first byte differs between store and log, so neither ever opens as the other.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";

/** Identifies where sealed data belongs. */
export interface SealedPlace {
  /** 16 bytes. */
  readonly cluster: Uint8Array;
  /** u16. */
  readonly group: number;
}

function prefix(use: string, place: SealedPlace): Buffer {
  assert(place.cluster.length === 16, "a cluster id has 16 bytes");
  assertInteger(place.group, { min: 0, max: 0xffff });
  const bytes = Buffer.alloc(19);
  bytes.write(use, 0, "latin1");
  bytes.set(place.cluster, 1);
  bytes.writeUInt16BE(place.group, 17);
  return bytes;
}

/** `'S' | cluster 16 | group u16`: comes first in what a stored record authenticates. */
export function storagePrefix(place: SealedPlace): Buffer {
  return prefix("S", place);
}

/** `'L' | cluster 16 | group u16`: comes first in what a log entry authenticates. */
export function logPrefix(place: SealedPlace): Buffer {
  return prefix("L", place);
}
