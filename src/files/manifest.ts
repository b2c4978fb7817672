/**
 * A manifest: the small file that says which files exist, replaced atomically and durably. The
 * hazard is a list that is half new, edited or mixed up: it is read whole or refused.
 *
 * Permanent format: change it only by adding a version.
 *
 *   magic 8 | version u8 | flags u8 (bit 0: has a MAC) | key_id u32 (0: no MAC) | length u32
 *   | (entry length u32 | entry)*, `length` bytes in all | mac 32 (zero: no MAC) | crc32 u32
 *
 * The MAC covers everything before it; the checksum everything before that. So an accident is told
 * from a forgery, and a manifest without a MAC is still safe from accidents.
 * @module
 */
import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import type { FileKind } from "./header.ts";

const manifestMacBytes = 32;
const fixedBytes = 18;
const endBytes = manifestMacBytes + 4;
/** A manifest above this is refused before it is parsed. */
export const manifestBytesMax = 64 * 1024 * 1024;

/** Signs the bytes of a manifest under the key with that id, never 0. */
export interface ManifestKey {
  readonly keyId: number;
  /** @returns 32 bytes. */
  sign(data: Uint8Array): Uint8Array;
}

export interface Manifest {
  /** Key under which it was signed; 0: it has no MAC. The caller judges whether that is allowed. */
  readonly keyId: number;
  readonly entries: readonly Buffer[];
}

/** @param key - null: without a MAC. */
export function encodeManifest(
  kind: FileKind,
  entries: readonly Uint8Array[],
  key: ManifestKey | null,
): Buffer {
  assert(kind.magic.length === 8, "a magic has 8 characters");
  assert(key === null || key.keyId !== 0, "key id 0 stands for no key");
  const length = entries.reduce((sum, entry) => sum + 4 + entry.length, 0);
  const writer = new ByteWriter(fixedBytes + length + endBytes);
  writer.bytes(Buffer.from(kind.magic, "latin1")).u8(kind.version);
  writer.u8(key === null ? 0 : 1).u32(key === null ? 0 : key.keyId);
  writer.u32(length);
  for (const entry of entries) writer.u32(entry.length).bytes(entry);
  const mac = key === null ? Buffer.alloc(manifestMacBytes) : key.sign(writer.view());
  assert(mac.length === manifestMacBytes, "a manifest's MAC has 32 bytes");
  writer.bytes(mac);
  writer.u32(crc32(writer.view()));
  return writer.finish();
}

/**
 * @param keyFor - Finds the key that the manifest names; throws its own error for an unknown one.
 * @param path - Only for errors.
 * @throws FILE_MANIFEST_DAMAGED, FILE_MAC_MISMATCH, FORMAT_VERSION, or what `keyFor` throws.
 */
export function decodeManifest(
  kind: FileKind,
  data: Buffer,
  keyFor: (keyId: number) => ManifestKey,
  path: string,
): Manifest {
  const { keyId, reader } = readHead(kind, data, path);
  const macAt = data.length - endBytes;
  const mac = data.subarray(macAt, macAt + manifestMacBytes);
  const expected =
    keyId === 0 ? Buffer.alloc(manifestMacBytes) : keyFor(keyId).sign(data.subarray(0, macAt));
  assert(expected.length === manifestMacBytes, "a manifest's MAC has 32 bytes");
  if (!sameMac(mac, expected)) throw new StrongroomError("FILE_MAC_MISMATCH", path);
  return { keyId, entries: readEntries(reader, path) };
}

const damagedAs = (path: string, what: string): StrongroomError =>
  new StrongroomError("FILE_MANIFEST_DAMAGED", `${path}: ${what}`);

/** Everything up to the entries; the checksum is right. */
function readHead(
  kind: FileKind,
  data: Buffer,
  path: string,
): { readonly keyId: number; readonly reader: ByteReader } {
  if (data.length < fixedBytes + endBytes) throw damagedAs(path, "it is too short");
  if (data.length > manifestBytesMax) throw damagedAs(path, "it is too long");
  if (crc32(data.subarray(0, data.length - 4)) !== data.readUInt32BE(data.length - 4))
    throw damagedAs(path, "its checksum does not match");
  if (data.toString("latin1", 0, 8) !== kind.magic) throw damagedAs(path, "another kind of file");
  const reader = new ByteReader(data, 8, data.length - endBytes);
  const version = reader.u8();
  const flags = reader.u8();
  if (version !== kind.version || flags > 1)
    throw new StrongroomError("FORMAT_VERSION", `${path}: version ${version}, flags ${flags}`);
  const keyId = reader.u32();
  if ((flags === 1) !== (keyId !== 0)) throw damagedAs(path, "its flags and its key disagree");
  return { keyId, reader };
}

function readEntries(reader: ByteReader, path: string): Buffer[] {
  if (reader.u32() !== reader.left) throw damagedAs(path, "its length does not match");
  const entries: Buffer[] = [];
  while (reader.left > 0) entries.push(reader.bytes(reader.u32()));
  return entries;
}

/**
 * The entries without a look at the MAC: only to find the key that verifies it. What is made of
 * them must be compared with what `decodeManifest` says once that key is held.
 * @throws FILE_MANIFEST_DAMAGED, FORMAT_VERSION.
 */
export function readUnverified(kind: FileKind, data: Buffer, path: string): readonly Buffer[] {
  return readEntries(readHead(kind, data, path).reader, path);
}

/** Takes the same time wherever the two differ. */
function sameMac(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0;
  for (let at = 0; at < manifestMacBytes; at++) difference |= one[at]! ^ other[at]!;
  return difference === 0;
}

/** @returns null if there is no such file. Throws as `decodeManifest`. */
export function readManifest(
  disk: Disk,
  path: string,
  kind: FileKind,
  keyFor: (keyId: number) => ManifestKey,
): Manifest | null {
  const status = disk.status(path);
  if (status === null) return null;
  if (status.kind !== "file" || status.bytes > manifestBytesMax)
    throw new StrongroomError("FILE_MANIFEST_DAMAGED", `${path}: not a file of a sane size`);
  return decodeManifest(kind, disk.readFile(path), keyFor, path);
}
