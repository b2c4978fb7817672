/**
 * CRC-32 (ISO 3309, as zlib's) through the addon, which folds by carry-less multiplication, or
 * through node:zlib. Both give the same numbers. A CRC finds accidents, never forgery.
 * @module
 */
import { crc32 } from "node:zlib";
import { loadNative } from "./native.ts";

const native = loadNative();

/** CRC-32 of `data[at, at + length)`, going on from `start` (0: a new one). */
export const crc32Of: (data: Uint8Array, at: number, length: number, start: number) => number =
  native === null
    ? (data, at, length, start) => crc32(data.subarray(at, at + length), start)
    : (data, at, length, start) => native.crc32(data, at, length, start);
