/**
 * The header of a store segment: whose it is, which key seals it, and where the chain of commits
 * stood when it was begun. The MAC binds all of it to the number, so that a segment cannot be
 * renamed, exchanged or continued by another.
 *
 * Body of the header block (files/header.ts); permanent, change it only by adding a version.
 *   cluster 16 | group u16 | number u32 | clear u8 | key_id u32 | node16 u16 | epoch u16 | salt 32
 *   | chain number u64 | chain MAC 32 | MAC 32
 * @module
 */
import { assert } from "../../base/assert.ts";
import { ByteReader, ByteWriter, equalBytes } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import { decodeFileHeader, encodeFileHeader } from "../../files/header.ts";
import type { MacKey } from "../../platform/primitives.ts";
import type { SealedPlace } from "../../sealed/place.ts";
import { segmentKind } from "./names.ts";

export const macBytes = 32;
export const saltBytes = 32;

export interface SegmentHeader {
  readonly number: number;
  /** 0: the segment is clear. */
  readonly keyId: number;
  readonly node16: number;
  /** 0 in a clear segment. */
  readonly epoch: number;
  readonly salt: Buffer;
  /** The commit before this segment's first one; 0 and zeros for a compactor's. */
  readonly chainNumber: number;
  readonly chainMac: Buffer;
}

function bodyBeforeMac(place: SealedPlace, header: SegmentHeader): ByteWriter {
  assert(header.salt.length === saltBytes && header.chainMac.length === macBytes);
  const writer = new ByteWriter(160);
  writer.bytes(place.cluster).u16(place.group).u32(header.number);
  writer
    .u8(header.keyId === 0 ? 1 : 0)
    .u32(header.keyId)
    .u16(header.node16)
    .u16(header.epoch);
  return writer.bytes(header.salt).safe64(header.chainNumber).bytes(header.chainMac);
}

/** The MAC of a header: also names this very segment in the manifest. */
export function headerMac(place: SealedPlace, header: SegmentHeader, key: MacKey): Buffer {
  return signTagged(key, "S", bodyBeforeMac(place, header).view());
}

/** HMAC over a letter that names the use, then the parts of the data. */
export function signTagged(key: MacKey, use: "S" | "H" | "C", ...parts: Uint8Array[]): Buffer {
  const tagged = Buffer.concat([Buffer.from(use, "latin1"), ...parts]);
  const mac = Buffer.alloc(macBytes);
  key.sign(tagged, 0, tagged.length, mac, 0, macBytes);
  return mac;
}

/** @returns The header block of the file. */
export function encodeSegmentHeader(
  place: SealedPlace,
  header: SegmentHeader,
  key: MacKey,
): Buffer {
  const writer = bodyBeforeMac(place, header);
  return encodeFileHeader(segmentKind, writer.bytes(headerMac(place, header, key)).view());
}

/** Everything that a writer needs to begin a segment. Structured-clonable. */
export interface SegmentPlan {
  readonly path: string;
  readonly hintPath: string;
  readonly directory: string;
  readonly number: number;
  /** The header block. */
  readonly header: Uint8Array;
  /** 0: clear. */
  readonly keyId: number;
  readonly node16: number;
  readonly epoch: number;
  /** 32 bytes each; the writer zeroes its copies. Empty in a clear segment. */
  readonly subkey: Uint8Array;
  readonly macKey: Uint8Array;
  readonly prefix: Uint8Array;
  readonly chainMac: Uint8Array;
  /** Records that are sealed under the subkey at most, in vain too. */
  readonly sealsMax: number;
}

export interface ReadHeader {
  readonly header: SegmentHeader;
  readonly mac: Buffer;
}

/**
 * Reads a header block. The MAC is the caller's to check (`checkHeaderMac`), as only the header
 * tells the key.
 * @throws FILE_HEADER_DAMAGED, FORMAT_VERSION, STORE_FOREIGN.
 */
export function decodeSegmentHeader(
  place: SealedPlace,
  number: number,
  block: Buffer,
  path: string,
): ReadHeader {
  const reader = new ByteReader(decodeFileHeader(segmentKind, block, path));
  const cluster = reader.bytes(16);
  const group = reader.u16();
  if (Buffer.compare(cluster, place.cluster) !== 0 || group !== place.group)
    throw new StrongroomError("STORE_FOREIGN", `${path}: of another cluster or group`);
  const found = reader.u32();
  if (found !== number) throw new StrongroomError("STORE_FOREIGN", `${path}: is number ${found}`);
  const clear = reader.u8();
  const header = {
    number,
    keyId: reader.u32(),
    node16: reader.u16(),
    epoch: reader.u16(),
    salt: Buffer.from(reader.bytes(saltBytes)),
    chainNumber: reader.safe64(),
    chainMac: Buffer.from(reader.bytes(macBytes)),
  };
  const mac = Buffer.from(reader.bytes(macBytes));
  reader.finish();
  if (clear > 1 || (clear === 1) !== (header.keyId === 0))
    throw new StrongroomError("FORMAT_VERSION", `${path}: its clear bit and its key disagree`);
  return { header, mac };
}

/** @throws FILE_MAC_MISMATCH */
export function checkHeaderMac(
  place: SealedPlace,
  read: ReadHeader,
  key: MacKey,
  path: string,
): void {
  if (!equalBytes(headerMac(place, read.header, key), read.mac))
    throw new StrongroomError("FILE_MAC_MISMATCH", path);
}
