/**
 * DUMP payloads of strings: `type u8 = 0 | string | RDB version u16 | CRC-64`, the last two
 * little-endian (Redis 7.0, cluster.c and rdb.c). What RESTORE is given comes from outside: every
 * length is checked before it is believed.
 * @module
 */
import { parseInt64 } from "../../args.ts";
import { stringBytesMax } from "../../limits.ts";
import { crc64 } from "./crc64.ts";
import { lzfCompress, lzfDecompress } from "./lzf.ts";

const version = 10;
const footerBytes = 10;
const typeString = 0;
const integerBytesMax = 11;
const compressedFrom = 21;

function encodeLength(length: number): Buffer {
  if (length < 1 << 6) return Buffer.from([length]);
  if (length < 1 << 14) return Buffer.from([0x40 | (length >> 8), length & 0xff]);
  const long = Buffer.alloc(5, 0x80);
  long.writeUInt32BE(length, 1);
  return long;
}

function encodeInteger(value: Uint8Array): Buffer | null {
  if (value.length > integerBytesMax) return null;
  const integer = Number(parseInt64(value, 0, value.length) ?? Number.NaN);
  const bytes = Buffer.alloc(5);
  if (integer >= -(2 ** 7) && integer < 2 ** 7) {
    bytes.writeInt8(integer, 1);
    return bytes.fill(0xc0, 0, 1).subarray(0, 2);
  }
  if (integer >= -(2 ** 15) && integer < 2 ** 15) {
    bytes.writeInt16LE(integer, 1);
    return bytes.fill(0xc1, 0, 1).subarray(0, 3);
  }
  if (!(integer >= -(2 ** 31) && integer < 2 ** 31)) return null;
  bytes.writeInt32LE(integer, 1);
  return bytes.fill(0xc2, 0, 1);
}

function encodeString(value: Uint8Array): Buffer {
  const integer = encodeInteger(value);
  if (integer !== null) return integer;
  const packed = value.length < compressedFrom ? null : lzfCompress(value, value.length - 4);
  if (packed === null) return Buffer.concat([encodeLength(value.length), value]);
  const lengths = [encodeLength(packed.length), encodeLength(value.length)];
  return Buffer.concat([Buffer.from([0xc3]), ...lengths, packed]);
}

/** What DUMP replies for a string. */
export function encodePayload(value: Uint8Array): Buffer {
  const footer = Buffer.alloc(footerBytes);
  const payload = Buffer.concat([Buffer.from([typeString]), encodeString(value), footer]);
  const footerAt = payload.length - footerBytes;
  payload.writeUInt16LE(version, footerAt);
  payload.writeBigUInt64LE(crc64(payload, footerAt + 2), footerAt + 2);
  return payload;
}

/** Version and checksum are right. */
export function isPayload(payload: Buffer): boolean {
  const footerAt = payload.length - footerBytes;
  if (footerAt < 0 || payload.readUInt16LE(footerAt) > version) return false;
  return crc64(payload, footerAt + 2) === payload.readBigUInt64LE(footerAt + 2);
}

class StringReader {
  private readonly bytes: Buffer;
  private at = 1;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Bytes from here, or null if there are not as many. */
  private take(count: number): Buffer | null {
    if (count > this.bytes.length - this.at) return null;
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  /** A length, or -1. The first byte is not an encoding. */
  private length(): number {
    const first = this.take(1)?.[0] ?? 0xff;
    if (first < 0x40) return first;
    if (first < 0x80) {
      const second = this.take(1);
      return second === null ? -1 : ((first & 0x3f) << 8) | (second[0] as number);
    }
    if (first === 0x80) return this.take(4)?.readUInt32BE(0) ?? -1;
    const long = first === 0x81 ? this.take(8) : null;
    return long === null ? -1 : Number(long.readBigUInt64BE(0));
  }

  private compressed(): Buffer | null {
    const packedLength = this.length();
    const length = this.length();
    if (packedLength < 0 || length < 0 || length > stringBytesMax) return null;
    const packed = this.take(packedLength);
    return packed && lzfDecompress(packed, length);
  }

  string(): Buffer | null {
    const first = this.bytes[this.at] ?? 0xff;
    if (first < 0xc0) {
      const length = this.length();
      return length < 0 ? null : this.take(length);
    }
    this.at++;
    if (first === 0xc3) return this.compressed();
    const size = [1, 2, 4][first - 0xc0];
    const bytes = size === undefined ? null : this.take(size);
    return bytes && Buffer.from(String(bytes.readIntLE(0, bytes.length)));
  }
}

/** The string in a payload that `isPayload`; null if it holds something else. */
export function decodePayload(payload: Buffer): Buffer | null {
  if (payload.length < footerBytes + 2 || payload[0] !== typeString) return null;
  return new StringReader(payload.subarray(0, payload.length - footerBytes)).string();
}
