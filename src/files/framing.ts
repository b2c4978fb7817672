/**
 * Frames of append-only files. A writer appends batches; a batch starts on a block boundary and
 * holds one or more frames, each right after the other, then zeros up to the next boundary.
 *
 * Permanent format: change it only by adding a version to the file's header.
 *
 *   offset  size  field
 *        0     4  length          u32, of the body, 1..2^30-1; 0 is padding, never a frame
 *        4     4  crc32           of everything from offset 8 to the end of the body, see below
 *        8     8  synced_through  u64, file offset below which all was durable when this was
 *                                 written; at most the frame's own offset
 *       16     n  body
 *
 * The hazard is a frame taken for what it is not: a stale one left in a recycled file, one moved to
 * another offset, a torn one. The CRC-32 (ISO 3309, as in zlib) starts from a seed made of the
 * file's number, the frame's offset and its length. For equal bytes two different seeds never give
 * the same CRC, so a stale frame of a file's earlier number fails at its old offset for certain.
 * A CRC finds accidents; against forgery the sealed content authenticates itself.
 * @module
 */

import { assert, assertInteger } from "../base/assert.ts";
import { putSafe64, readRounded64 } from "../base/bytes.ts";
import { crc32Of } from "../platform/checksum.ts";

/** Batches start and end on multiples of this, in the file and, for direct I/O, in memory. */
export const blockBytes = 4096;
export const frameHeaderBytes = 16;
export const frameBodyBytesMax = 0x3fff_ffff;

/** The smallest multiple of the block size that is not below `bytes`. */
export function alignUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

const numberBytes = Buffer.alloc(8);

/** What frames of the file with this number (a safe integer, 1 or more) start their CRC from. */
export function fileSeed(number: number): number {
  assertInteger(number, { min: 1, max: Number.MAX_SAFE_INTEGER });
  putSafe64(numberBytes, number, 0);
  return crc32Of(numberBytes, 0, 8, 0);
}

function frameCrc(buffer: Buffer, at: number, length: number, seed: number, position: number) {
  const start = (seed ^ position ^ Math.imul(length, 0x9e3779b1)) >>> 0;
  return crc32Of(buffer, at + 8, frameHeaderBytes - 8 + length, start);
}

/**
 * Writes the header of a frame whose body already stands at `at + frameHeaderBytes`.
 * @param at - Offset in `buffer` at which the frame starts.
 * @param bodyLength - Bytes of the body, 1..frameBodyBytesMax.
 * @param seed - `fileSeed` of the file's number.
 * @param position - Offset in the file at which the frame will lie.
 * @param syncedThrough - File offset below which everything is durable already.
 */
export function writeFrameHeader(
  buffer: Buffer,
  at: number,
  bodyLength: number,
  seed: number,
  position: number,
  syncedThrough: number,
): void {
  assert(bodyLength >= 1 && bodyLength <= frameBodyBytesMax, "frame length out of bounds");
  assert(syncedThrough <= position, "a frame claims that it is durable itself");
  buffer.writeUInt32BE(bodyLength, at);
  putSafe64(buffer, syncedThrough, at + 8);
  buffer.writeUInt32BE(frameCrc(buffer, at, bodyLength, seed, position), at + 4);
}

/** The frame's `synced_through`. Meaningful only once the frame is known to be whole. */
export function frameSyncedThrough(buffer: Buffer, at: number): number {
  return readRounded64(buffer, at + 8);
}

/**
 * Body length that a frame at file offset `position` claims, if a frame can be there at all: the
 * length is within bounds and within the file, and it does not claim to be durable itself. 0 if
 * not. Looks at the 16 header bytes only, so nothing is allocated for an absurd length.
 * @param fileEnd - Bytes in the file.
 */
export function plausibleFrame(
  buffer: Buffer,
  at: number,
  position: number,
  fileEnd: number,
): number {
  const length = buffer.readUInt32BE(at);
  if (length === 0 || length > frameBodyBytesMax) return 0;
  if (position + frameHeaderBytes + length > fileEnd) return 0;
  return frameSyncedThrough(buffer, at) <= position ? length : 0;
}

/** True if the whole frame, `bodyLength` as `plausibleFrame` told, is as it was written. */
export function frameIsWhole(
  buffer: Buffer,
  at: number,
  bodyLength: number,
  seed: number,
  position: number,
): boolean {
  return buffer.readUInt32BE(at + 4) === frameCrc(buffer, at, bodyLength, seed, position);
}
