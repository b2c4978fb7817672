/**
 * Records: the bodies of the frames in a store segment. Header and envelope lie contiguously, so
 * that a record is sealed and opened in place and its place is part of what is authenticated.
 *
 * Permanent format: change it only by adding a kind or a file version. Integers are big-endian.
 *
 *   put, tombstone                          control                    commit
 *   offset  size  field                     0   1  kind 3              0   1  kind 4
 *        0     1  kind  1 put, 2 tombstone   1   1  table               1   8  number
 *        1    16  physical key               2   1  deleted 0|1         9   8  applied_index
 *       17     1  root  0|1                  3   8  sequence           17   8  session
 *       18     4  keyspace                  11   2  key length         25   8  seq
 *       22     8  expire_at, ms, 0 never    13   n  key                33   8  commit_ts
 *       30     8  commit_ts, HLC                 m  value              41   4  frames
 *       38     8  sequence                                             45  32  MAC
 *       46        put: envelope (sealed) or the body (clear segment); tombstone: nothing
 *
 * The hazard is a record taken for another: every kind is parsed whole or refused.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";
import { putSafe64, putU32, readSafe64 } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";

export const kindPut = 1;
export const kindTombstone = 2;
export const kindControl = 3;
export const kindCommit = 4;

export const physicalBytes = 16;
/** Offsets in a put or a tombstone. */
export const physicalAt = 1;
export const rootAt = 17;
export const keyspaceAt = 18;
export const expireAtAt = 22;
export const commitTsAt = 30;
export const sequenceAt = 38;
export const recordHeaderBytes = 46;
/** version u8 | flag u8 | key_id u32 of the envelope: authenticated with the record's header. */
const envelopeAadBytes = 6;
export const recordAadBytes = recordHeaderBytes + envelopeAadBytes;
const recordNonceAt = recordAadBytes;
export const recordTextAt = recordNonceAt + 12;
export const recordTagBytes = 16;
/** What a sealed put has more than its body: 80 bytes. */
export const sealedPutOverhead = recordTextAt + recordTagBytes;

const controlKeyAt = 13;
export const controlSequenceAt = 3;
const controlKeyBytesMax = 0xffff;
export const commitMacAt = 45;
export const commitMacBytes = 32;
export const commitBytes = commitMacAt + commitMacBytes;

/** The timestamp written last, in words: a run has one, and a bigint costs 30 times more. */
let stampOf = 0n;
let stampHigh = 0;
let stampLow = 0;

function splitStamp(commitTs: bigint): void {
  stampOf = commitTs;
  stampHigh = Number(commitTs >> 32n);
  stampLow = Number(commitTs & 0xffff_ffffn);
}

/**
 * Writes the 46 bytes of a put's or tombstone's header; the sequence is left to the writer.
 * @param physical - Holds the 16 bytes of the physical key at `keyAt`.
 * @param expireAt - Milliseconds since 1970, 0 for never.
 */
export function writeRecordHeader(
  buffer: Buffer,
  at: number,
  kind: number,
  physical: Uint8Array,
  keyAt: number,
  root: boolean,
  keyspace: number,
  expireAt: number,
  commitTs: bigint,
): void {
  buffer[at] = kind;
  for (let i = 0; i < physicalBytes; i++) buffer[at + physicalAt + i] = physical[keyAt + i]!;
  buffer[at + rootAt] = root ? 1 : 0;
  putU32(buffer, keyspace, at + keyspaceAt);
  putSafe64(buffer, expireAt, at + expireAtAt);
  if (commitTs !== stampOf) splitStamp(commitTs);
  putU32(buffer, stampHigh, at + commitTsAt);
  putU32(buffer, stampLow, at + commitTsAt + 4);
}

/**
 * Checks the fixed part of the record at [at, at + length) of any kind.
 * @returns Its kind.
 * @throws FORMAT_TRUNCATED, FORMAT_TRAILING, FORMAT_VERSION (unknown kind or reserved bits).
 */
export function checkRecord(
  buffer: Uint8Array,
  at: number,
  length: number,
  sealed: boolean,
): number {
  const kind = length === 0 ? 0 : buffer[at]!;
  const smallest = smallestOf(kind, sealed);
  if (smallest === 0) throw new StrongroomError("FORMAT_VERSION", `record kind ${kind}`);
  if (length < smallest) throw new StrongroomError("FORMAT_TRUNCATED", "record");
  if ((kind === kindTombstone || kind === kindCommit) && length !== smallest)
    throw new StrongroomError("FORMAT_TRAILING", "record");
  if (kind === kindPut || kind === kindTombstone) {
    if (buffer[at + rootAt]! > 1) throw new StrongroomError("FORMAT_VERSION", "root bits");
  } else if (kind === kindControl) {
    if (buffer[at + 2]! > 1) throw new StrongroomError("FORMAT_VERSION", "control bits");
    const key = (buffer[at + 11]! << 8) | buffer[at + 12]!;
    if (controlKeyAt + key > length) throw new StrongroomError("FORMAT_TRUNCATED", "control");
  }
  return kind;
}

function smallestOf(kind: number, sealed: boolean): number {
  if (kind === kindPut) return sealed ? sealedPutOverhead : recordHeaderBytes;
  if (kind === kindTombstone) return recordHeaderBytes;
  if (kind === kindControl) return controlKeyAt;
  return kind === kindCommit ? commitBytes : 0;
}

/** A row of a table outside user data. `value` is empty for a deleted one. */
export interface ControlRecord {
  /** u8; which table is the affair of `control`. */
  readonly table: number;
  readonly deleted: boolean;
  readonly sequence: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Bytes of a control record's body. */
export function controlBytes(key: Uint8Array, value: Uint8Array): number {
  return controlKeyAt + key.length + value.length;
}

export function writeControl(
  buffer: Buffer,
  at: number,
  record: { table: number; deleted: boolean; key: Uint8Array; value: Uint8Array },
): void {
  assertInteger(record.table, { min: 0, max: 255 });
  assert(record.key.length <= controlKeyBytesMax, "control key too long");
  buffer[at] = kindControl;
  buffer[at + 1] = record.table;
  buffer[at + 2] = record.deleted ? 1 : 0;
  buffer.writeUInt16BE(record.key.length, at + 11);
  buffer.set(record.key, at + controlKeyAt);
  buffer.set(record.value, at + controlKeyAt + record.key.length);
}

/** Copies the control record at [at, at + length), which `checkRecord` has passed. */
export function readControl(buffer: Buffer, at: number, length: number): ControlRecord {
  const keyEnd = at + controlKeyAt + buffer.readUInt16BE(at + 11);
  return {
    table: buffer[at + 1]!,
    deleted: buffer[at + 2] === 1,
    sequence: readSafe64(buffer, at + controlSequenceAt),
    key: Buffer.from(buffer.subarray(at + controlKeyAt, keyEnd)),
    value: Buffer.from(buffer.subarray(keyEnd, at + length)),
  };
}

/** What a commit says beside its MAC. The compactor's have applied index, session and seq 0. */
export interface CommitFields {
  /** Counts flusher commits without gaps; the compactor's count within their own segment. */
  readonly number: number;
  /** The state of the store is exactly that after this entry of the log. */
  readonly appliedIndex: number;
  readonly session: bigint;
  readonly seq: number;
  readonly commitTs: bigint;
}

/** Writes all but the MAC. @param frames - Frames of the run before this one. */
export function writeCommit(buffer: Buffer, at: number, commit: CommitFields, frames: number) {
  buffer[at] = kindCommit;
  putSafe64(buffer, commit.number, at + 1);
  putSafe64(buffer, commit.appliedIndex, at + 9);
  buffer.writeBigUInt64BE(commit.session, at + 17);
  putSafe64(buffer, commit.seq, at + 25);
  buffer.writeBigUInt64BE(commit.commitTs, at + 33);
  buffer.writeUInt32BE(frames, at + 41);
}

export function readCommit(buffer: Buffer, at: number): CommitFields & { frames: number } {
  return {
    number: readSafe64(buffer, at + 1),
    appliedIndex: readSafe64(buffer, at + 9),
    session: buffer.readBigUInt64BE(at + 17),
    seq: readSafe64(buffer, at + 25),
    commitTs: buffer.readBigUInt64BE(at + 33),
    frames: buffer.readUInt32BE(at + 41),
  };
}
