/**
 * Layout of the segment log's directory. Permanent formats: change them only by adding a version.
 *
 *   0000000001.log   a file of the log: header block, then one frame a batch, each on a block
 *   0000000001.free  a file that was truncated away and waits to be used again
 *   manifest         which files there are; manifest.tmp, next.tmp: work in progress, ignored
 *
 * Header body:  cluster 16 | group u16 | file number u64
 * Manifest, one entry:  cluster 16 | group u16 | first file u64 | last file u64 | first index u64
 *   | durable u64 | recycle from u64 | clean u8
 * Frame body:  first index u64 | count u32 | (length u32 | entry)*
 *
 * No MAC: the first file is older than the keys. Entries authenticate themselves.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { ByteReader, ByteWriter } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import type { FileKind } from "../../files/header.ts";

export const logFileKind: FileKind = { magic: "SRLOGSEG", version: 1 };
export const logManifestKind: FileKind = { magic: "SRLOGMAN", version: 1 };
export const manifestName = "manifest";
export const temporaryName = "next.tmp";

/** Before the entries of a frame's body: first index and count. */
export const batchHeaderBytes = 12;
export const entryHeaderBytes = 4;
/** From the start of a frame to the bytes of its first entry. */
export const entryHeadroom = frameHeaderBytes + batchHeaderBytes + entryHeaderBytes;

/** Which log this is. */
export interface LogIdentity {
  /** 16 bytes. */
  readonly cluster: Uint8Array;
  /** u16. */
  readonly group: number;
}

/** What the manifest says. */
export interface LogState {
  /** Every file from the first number to the last exists. */
  readonly firstFile: number;
  readonly lastFile: number;
  /** Index of the first entry of the first file. */
  readonly firstIndex: number;
  /** Index of the last entry that was known to be durable; at least this one must be found. */
  readonly durable: number;
  /** Files below this number are deleted, never used again: they may hold a retired key's bytes. */
  readonly recycleFrom: number;
  /** The log was closed: `durable` is exactly the last entry. */
  readonly clean: boolean;
}

export function logFileName(number: number): string {
  return `${String(number).padStart(10, "0")}.log`;
}

export function freeFileName(number: number): string {
  return `${String(number).padStart(10, "0")}.free`;
}

export type NamedFile =
  | { readonly kind: "log" | "free"; readonly number: number }
  | { readonly kind: "manifest" | "temporary" | "unknown" };

export function parseFileName(name: string): NamedFile {
  if (name === manifestName) return { kind: "manifest" };
  if (name === temporaryName || name === `${manifestName}.tmp`) return { kind: "temporary" };
  const parts = /^(\d{10,15})\.(log|free)$/.exec(name);
  if (parts === null) return { kind: "unknown" };
  const number = Number(parts[1]);
  const canonical = logFileName(number) === `${parts[1]}.log` && number > 0;
  return canonical ? { kind: parts[2] === "log" ? "log" : "free", number } : { kind: "unknown" };
}

export function encodeLogHeader(identity: LogIdentity, number: number): Buffer {
  assert(identity.cluster.length === 16, "a cluster id has 16 bytes");
  return new ByteWriter(26).bytes(identity.cluster).u16(identity.group).safe64(number).finish();
}

/**
 * @returns The file's number.
 * @throws LOG_FILE_FOREIGN for a file of another cluster or group.
 */
export function decodeLogHeader(identity: LogIdentity, body: Buffer, path: string): number {
  const reader = new ByteReader(body);
  refuseForeign(identity, reader, path);
  const number = reader.safe64();
  reader.finish();
  return number;
}

function refuseForeign(identity: LogIdentity, reader: ByteReader, path: string): void {
  const cluster = reader.bytes(16);
  const group = reader.u16();
  if (Buffer.compare(cluster, identity.cluster) !== 0)
    throw new StrongroomError("LOG_FILE_FOREIGN", `${path} belongs to another cluster`);
  if (group !== identity.group)
    throw new StrongroomError("LOG_FILE_FOREIGN", `${path} belongs to group ${group}`);
}

export function encodeLogState(identity: LogIdentity, state: LogState): Buffer {
  assert(state.firstFile >= 1 && state.lastFile >= state.firstFile, "no files in the manifest");
  assert(state.firstIndex >= 1 && state.durable >= state.firstIndex - 1, "indexes out of order");
  const writer = new ByteWriter(64).bytes(identity.cluster).u16(identity.group);
  writer.safe64(state.firstFile).safe64(state.lastFile).safe64(state.firstIndex);
  writer
    .safe64(state.durable)
    .safe64(state.recycleFrom)
    .u8(state.clean ? 1 : 0);
  return writer.finish();
}

/** @throws LOG_FILE_FOREIGN, FORMAT_*. */
export function decodeLogState(identity: LogIdentity, entry: Buffer, path: string): LogState {
  const reader = new ByteReader(entry);
  refuseForeign(identity, reader, path);
  const firstFile = reader.safe64();
  const lastFile = reader.safe64();
  const firstIndex = reader.safe64();
  const durable = reader.safe64();
  const recycleFrom = reader.safe64();
  const clean = reader.u8();
  reader.finish();
  if (clean > 1) throw new StrongroomError("FORMAT_VERSION", `${path}: unknown bits`);
  if (firstFile < 1 || lastFile < firstFile || firstIndex < 1 || durable < firstIndex - 1)
    throw new StrongroomError("FORMAT_RANGE", path);
  return { firstFile, lastFile, firstIndex, durable, recycleFrom, clean: clean === 1 };
}
