/**
 * Byte helpers: a bounded reader and a growing writer for codecs. Integers are big-endian, as in
 * every format of this project (docs/formats).
 * @module
 */
import { StrongroomError } from "./errors.ts";

/** Reads one value after the other; what does not fit is FORMAT_TRUNCATED, never partial. */
export class ByteReader {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  private take(bytes: number): number {
    if (bytes > this.end - this.at)
      throw new StrongroomError("FORMAT_TRUNCATED", `${bytes} bytes wanted, ${this.left} left`);
    const at = this.at;
    this.at += bytes;
    return at;
  }

  u8(): number {
    return this.buffer.readUInt8(this.take(1));
  }
  u16(): number {
    return this.buffer.readUInt16BE(this.take(2));
  }
  u32(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }
  u64(): bigint {
    return this.buffer.readBigUInt64BE(this.take(8));
  }
  /** A u64 that must be a safe integer. */
  safe64(): number {
    return readSafe64(this.buffer, this.take(8));
  }
  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.take(length);
    return this.buffer.subarray(at, at + length);
  }
  /** @throws FORMAT_TRAILING if anything is left. */
  finish(): void {
    if (this.at !== this.end)
      throw new StrongroomError("FORMAT_TRAILING", `${this.left} bytes too many`);
  }
}

/** Memory that Buffers share is smaller; other views have theirs alone. */
const ownBytesMin = 128 * 1024;

/**
 * Gives memory back at once. What is outside the JavaScript heap hardly weighs on the garbage
 * collector: tens of MiB of it would wait there. Views of it are empty from then on.
 */
export function letGo(view: ArrayBufferView): void {
  const { buffer } = view;
  const own = !Buffer.isBuffer(view) || buffer.byteLength >= ownBytesMin;
  if (own && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Appends values to a buffer that grows by doubling. */
export class ByteWriter {
  buffer: Buffer;
  at = 0;

  constructor(bytes = 256) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /** Makes room for `bytes` more and returns the offset at which they begin. */
  reserve(bytes: number): number {
    const at = this.at;
    const needed = at + bytes;
    if (needed > this.buffer.length) this.grow(needed);
    this.at = needed;
    return at;
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }

  u8(value: number): this {
    const at = this.reserve(1);
    this.buffer.writeUInt8(value, at);
    return this;
  }
  u16(value: number): this {
    const at = this.reserve(2);
    this.buffer.writeUInt16BE(value, at);
    return this;
  }
  u32(value: number): this {
    const at = this.reserve(4);
    this.buffer.writeUInt32BE(value, at);
    return this;
  }
  u64(value: bigint): this {
    const at = this.reserve(8);
    this.buffer.writeBigUInt64BE(value, at);
    return this;
  }
  /** A safe integer as a u64. */
  safe64(value: number): this {
    const at = this.reserve(8);
    this.buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
    this.buffer.writeUInt32BE(value >>> 0, at + 4);
    return this;
  }
  bytes(data: Uint8Array): this {
    const at = this.reserve(data.length);
    this.buffer.set(data, at);
    return this;
  }
  /** What was written, as a copy of its own. */
  finish(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.at));
  }
  /** What was written, as a view that the next write may invalidate. */
  view(): Buffer {
    return this.buffer.subarray(0, this.at);
  }
}

/** True if both hold the same bytes. Not constant time: never for tags or passwords. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Compared one by one up to so many bytes: a call of Buffer's costs more than them. */
const shortBytes = 64;

/** True if `one[at, +length)` and `other[otherAt, +length)` hold the same bytes; as above. */
export function sameBytes(
  one: Buffer,
  at: number,
  other: Uint8Array,
  otherAt: number,
  length: number,
): boolean {
  if (length > shortBytes)
    return one.compare(other, otherAt, otherAt + length, at, at + length) === 0;
  for (let n = 0; n < length; n++) if (one[at + n] !== other[otherAt + n]) return false;
  return true;
}

/** FNV-1a, 64 bits, as in http://www.isthe.com/chongo/tech/comp/fnv/ (public domain). */
export function fnv1a64(data: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of data) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}

/**
 * Writes a u32, big-endian, where the caller has made sure that there is room. Buffer's own method
 * checks what it is given and is not inlined: on the hot path it costs several times as much.
 */
export function putU32(buffer: Uint8Array, value: number, at: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** Reads a u32, big-endian, under the same condition, and for the same reason. */
export function getU32(buffer: Uint8Array, at: number): number {
  const upper = ((buffer[at] as number) << 16) | ((buffer[at + 1] as number) << 8);
  return ((upper | (buffer[at + 2] as number)) * 0x100 + (buffer[at + 3] as number)) >>> 0;
}

/** Writes a safe integer as a big-endian u64, under the same condition. */
export function putSafe64(buffer: Uint8Array, value: number, at: number): void {
  putU32(buffer, Math.floor(value / 0x1_0000_0000), at);
  putU32(buffer, value >>> 0, at + 4);
}

/** A big-endian u64. Above 2^53 - 1 it is rounded: for what is compared, and not yet believed. */
export function readRounded64(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

/** A big-endian u64 that must be a safe integer. @throws FORMAT_RANGE above 2^53 - 1. */
export function readSafe64(buffer: Buffer, at: number): number {
  return safe(readRounded64(buffer, at));
}

/** The same where the caller has made sure that 8 bytes are there. @throws FORMAT_RANGE. */
export function getSafe64(buffer: Uint8Array, at: number): number {
  return safe(getU32(buffer, at) * 0x1_0000_0000 + getU32(buffer, at + 4));
}

function safe(value: number): number {
  if (value > Number.MAX_SAFE_INTEGER)
    throw new StrongroomError("FORMAT_RANGE", "integer above 2^53");
  return value;
}
