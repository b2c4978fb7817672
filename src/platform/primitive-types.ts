/**
 * The cryptographic primitives that the house stands on, as a port with two implementations: the
 * native addon (reused contexts) and `node:crypto`. Both produce the same bytes; one suite runs on
 * both. AES-256-GCM: NIST SP 800-38D. HMAC: RFC 2104. HKDF: RFC 5869. SHA-256: FIPS 180-4.
 * @module
 */

import type { EncodeMany } from "./native.ts";

/** SP 800-38D, 5.2.1.1: the recommended IV length, 96 bits. */
export const nonceBytes = 12;
/** SP 800-38D, 5.2.1.2: the full tag, 128 bits. */
export const tagBytes = 16;
/** AES-256 and every key that HKDF derives here. */
export const keyBytes = 32;
/** Longest static prefix of the authenticated data. */
export const aadPrefixBytesMax = 256;
/** HMAC-SHA-256 and SHA-256 output. */
export const hashBytes = 32;

/** Integers of a row of `openMany`. */
export const openRow = 5;

export interface Primitives {
  readonly kind: "native" | "node";
  /**
   * @param key - 32 bytes; copied, the caller may zero its own at once.
   * @param aadPrefix - Authenticated before the AAD of every call; copied. At most 256 bytes.
   */
  aead(key: Uint8Array, aadPrefix: Uint8Array): AeadKey;
  /** @param key - Any length; copied. */
  mac(key: Uint8Array): MacKey;
  /**
   * Opens row n of `rows` under `keys[n]`, for all n below `count`. A row is `room, at, aadLength,
   * textLength, opened`, in `openRow` integers: the implementation uses the first as it likes and
   * sets the last to 1, or to 0 on a tag mismatch, with the text zeroed. Throws as `open` does.
   * @param keys - Made by the same implementation. All rows are checked before the first is opened.
   */
  openMany(keys: readonly AeadKey[], buffer: Uint8Array, rows: Uint32Array, count: number): void;
  /** HKDF-SHA-256. @param length - 1..8160 bytes. */
  hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer;
  sha256(data: Uint8Array): Buffer;
}

/**
 * AES-256-GCM under one key. From `at` lie contiguously in `buffer`:
 * `AAD (aadLength) | nonce 12 | text (textLength) | tag 16`. Authenticated is the static prefix
 * followed by that AAD. Works in place. The caller answers for nonces that never repeat.
 * Every call throws RangeError when the layout leaves the buffer, TypeError for another kind of
 * argument, and Error once disposed.
 */
export interface AeadKey {
  /** Encrypts the text in place and writes the tag. */
  seal(buffer: Uint8Array, at: number, aadLength: number, textLength: number): void;
  /**
   * The same with a text that stands at `sourceAt` of `source`, which is left as it is: a copy
   * less. The two ranges do not overlap.
   */
  sealFrom(
    buffer: Uint8Array,
    at: number,
    aadLength: number,
    textLength: number,
    source: Uint8Array,
    sourceAt: number,
  ): void;
  /**
   * Seals `count` layouts. Row i of `table` is `at, aadLength, textLength` at 3i.
   * All rows are checked before the first is sealed.
   */
  sealMany(buffer: Uint8Array, table: Uint32Array, count: number): void;
  /** Decrypts in place. False on a tag mismatch: the text is then zeroed, the rest untouched. */
  open(buffer: Uint8Array, at: number, aadLength: number, textLength: number): boolean;
  /** Zeroes and frees the key. Idempotent. */
  dispose(): void;
}

/** HMAC-SHA-256 under one key. Same throws as AeadKey. */
export interface MacKey {
  /** Encodes entries whose physical keys are MACs under this key; null where nothing can. */
  readonly encodeMany: EncodeMany | null;
  /** Writes the first `outLength` (1..32) bytes of the MAC of `data[at, at + length)`. */
  sign(
    data: Uint8Array,
    at: number,
    length: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void;
  /**
   * Signs `count` ranges, row i of `table` being `at, length` at 2i, into `out` from `outAt`,
   * `outLength` bytes each, one after the other. All rows are checked before the first is signed.
   */
  signMany(
    data: Uint8Array,
    table: Uint32Array,
    count: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void;
  /** Zeroes and frees the key. Idempotent. */
  dispose(): void;
}
