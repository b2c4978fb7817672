/**
 * zstd (RFC 8878) before sealing, for whole string values only: the length of what is sealed shows,
 * so it is off unless the operator accepts that. Opening is bounded, as a small frame may declare
 * a huge content; it happens only to what is authentic.
 * @module
 */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StrongroomError } from "../base/errors.ts";

/** Bodies below this are never compressed. */
const compressBytesMin = 4096;

/** @returns The compressed text, or null where that would not be smaller. */
export function compressText(text: Uint8Array): Buffer | null {
  if (text.length < compressBytesMin) return null;
  const packed = zstdCompressSync(text);
  return packed.length < text.length ? packed : null;
}

/** @throws FORMAT_RANGE if it is no zstd frame or holds more than `bytesMax`. */
export function decompressText(packed: Uint8Array, bytesMax: number): Buffer {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: bytesMax });
  } catch (cause) {
    throw new StrongroomError("FORMAT_RANGE", "compressed text does not unpack within its bound", {
      cause,
    });
  }
}
