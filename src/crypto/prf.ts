// Permanent format: every place of every record depends on it. Integers are big-endian.
//
//   root   HMAC-SHA-256(index DEK, 'R' | group u16 | keyspace id u32 | user key)[0..16)
//   chunk  HMAC-SHA-256(index DEK, 'C' | group u16 | index u64 | ordinal u32 | chunk u32)[0..16)
/**
 * Physical keys: where a record stands is found by a keyed hash of its name, so that no name is on
 * disk. A collection's chunks hang on the entry that created it (index, ordinal), not on its name.
 * The hazard is a colliding pair of names; who opens a record compares the name inside it.
 * HMAC: RFC 2104, cut to 16 bytes. docs/formats/physical-keys.md.
 * @module
 */

import { assert, assertInteger } from "../base/assert.ts";
import { putSafe64 } from "../base/bytes.ts";
import type { EncodeMany } from "../platform/native.ts";
import type { MacKey, Primitives } from "../platform/primitives.ts";

const physicalKeyBytes = 16;

const rootHeaderBytes = 7;
/** Names that are foreseen at most. */
export const foreseenMax = 16;
/** Longer names are not worth being foreseen. */
const foreseenNameBytesMax = 64;
const foreseenBytes = rootHeaderBytes + foreseenNameBytesMax;
const chunkBytes = 19;
/** Longer names are hashed in memory of their own. */
const scratchBytes = 4096;
/** Up to here a loop beats a call of memcpy. */
const loopBytesMax = 32;

export class PhysicalKeys {
  /** Number of the group that the keys are of. */
  readonly group: number;
  readonly #mac: MacKey;
  readonly #root: Buffer;
  readonly #chunk: Buffer;
  /** What is foreseen: the data of each name in a place of its own, its row, its physical key. */
  readonly #names: Buffer;
  readonly #rows = new Uint32Array(foreseenMax * 2);
  readonly #roots = Buffer.alloc(foreseenMax * physicalKeyBytes);
  #listed = 0;
  /** Of those, how many have their key. */
  #foreseen = 0;
  /** Of the foreseen, the one that was asked for last. */
  #met = 0;

  /** @param indexDek - 32 bytes; copied, the caller may zero its own at once. */
  constructor(primitives: Primitives, indexDek: Uint8Array, group: number) {
    assert(indexDek.length === 32, "an index DEK has 32 bytes");
    assertInteger(group, { min: 0, max: 0xffff });
    this.group = group;
    this.#root = this.#header("R", scratchBytes);
    this.#chunk = this.#header("C", chunkBytes);
    this.#names = Buffer.concat(
      Array.from({ length: foreseenMax }, () => this.#header("R", foreseenBytes)),
    );
    this.#mac = primitives.mac(indexDek);
  }

  #header(use: string, bytes: number): Buffer {
    const scratch = Buffer.alloc(bytes);
    scratch.write(use, 0, "latin1");
    scratch.writeUInt16BE(this.group, 1);
    return scratch;
  }

  /** Writes the 16 bytes of the root named `buffer[start, end)` to `out[outAt]`. */
  root(
    keyspace: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    out: Uint8Array,
    outAt: number,
  ): void {
    assert(keyspace >= 1 && keyspace <= 0xffff_ffff, "a keyspace id is a u32, never 0");
    assert(start >= 0 && start <= end && end <= buffer.length, "a name in its buffer");
    if (this.#foreseen > 0 && this.#take(keyspace, buffer, start, end, out, outAt)) return;
    const length = rootHeaderBytes + end - start;
    const data = length <= scratchBytes ? this.#root : this.#header("R", length);
    writeName(data, 0, keyspace, buffer, start, end);
    this.#mac.sign(data, 0, length, out, outAt, physicalKeyBytes);
  }

  /** Encodes entries, and makes their physical keys meanwhile; null without the addon. */
  get encodeMany(): EncodeMany | null {
    return this.#mac.encodeMany;
  }

  /**
   * Begins to foresee names that `root` will soon be asked for: their keys are made in one call.
   * What was foreseen before is forgotten.
   */
  beginForeseeing(): void {
    this.#listed = this.#foreseen = this.#met = 0;
  }

  /** Adds a root that will be asked for. @returns false if it is not taken: too many, too long. */
  foresee(keyspace: number, buffer: Uint8Array, start: number, end: number): boolean {
    const n = this.#listed;
    if (n === foreseenMax || end - start > foreseenNameBytesMax) return false;
    writeName(this.#names, n * foreseenBytes, keyspace, buffer, start, end);
    this.#rows[n * 2] = n * foreseenBytes;
    this.#rows[n * 2 + 1] = rootHeaderBytes + end - start;
    this.#listed = n + 1;
    return true;
  }

  /**
   * Makes the keys of all that is foreseen.
   * @returns memory with 16 bytes each, in the order of the calls, valid until the next time.
   */
  foreseen(): Uint8Array {
    const count = this.#listed;
    this.#mac.signMany(this.#names, this.#rows, count, this.#roots, 0, physicalKeyBytes);
    this.#foreseen = count;
    return this.#roots;
  }

  /** They are mostly asked for in the order in which they were foreseen. */
  #take(
    keyspace: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    out: Uint8Array,
    outAt: number,
  ): boolean {
    const count = this.#foreseen;
    for (let step = 0, n = this.#met; step < count; step++, n = n + 1 === count ? 0 : n + 1) {
      if (this.#rows[n * 2 + 1] !== rootHeaderBytes + end - start) continue;
      if (!isName(this.#names, n * foreseenBytes, keyspace, buffer, start, end)) continue;
      const from = n * physicalKeyBytes;
      for (let i = 0; i < physicalKeyBytes; i++) out[outAt + i] = this.#roots[from + i]!;
      this.#met = n;
      return true;
    }
    return false;
  }

  /**
   * Writes the 16 bytes of a collection's chunk to `out[outAt]`.
   * @param index - Log index of the entry that created the collection. @param ordinal - u32 of the
   * creation within that entry. @param chunk - u32.
   */
  chunk(index: number, ordinal: number, chunk: number, out: Uint8Array, outAt: number): void {
    assertInteger(index, { min: 1, max: Number.MAX_SAFE_INTEGER });
    const data = this.#chunk;
    putSafe64(data, index, 3);
    data.writeUInt32BE(ordinal, 11);
    data.writeUInt32BE(chunk, 15);
    this.#mac.sign(data, 0, chunkBytes, out, outAt, physicalKeyBytes);
  }

  /** Zeroes the key, and what was foreseen. */
  dispose(): void {
    this.beginForeseeing();
    this.#names.fill(0);
    this.#roots.fill(0);
    this.#mac.dispose();
  }
}

/** Fills in what stands behind 'R' and the group in the data of a root at `at`. */
function writeName(
  data: Uint8Array,
  at: number,
  keyspace: number,
  buffer: Uint8Array,
  start: number,
  end: number,
): void {
  data[at + 3] = keyspace >>> 24;
  data[at + 4] = keyspace >>> 16;
  data[at + 5] = keyspace >>> 8;
  data[at + 6] = keyspace;
  const to = at + rootHeaderBytes;
  if (end - start <= loopBytesMax)
    for (let n = 0; n < end - start; n++) data[to + n] = buffer[start + n]!;
  else data.set(buffer.subarray(start, end), to);
}

/** True if the data of a root at `at`, of the right length, is of this name. */
function isName(
  data: Uint8Array,
  at: number,
  keyspace: number,
  buffer: Uint8Array,
  start: number,
  end: number,
): boolean {
  const to = at + rootHeaderBytes;
  // From behind: names that are alike mostly differ there.
  for (let n = end - start - 1; n >= 0; n--) if (data[to + n] !== buffer[start + n]) return false;
  return (
    data[at + 3] === keyspace >>> 24 &&
    data[at + 4] === ((keyspace >>> 16) & 0xff) &&
    data[at + 5] === ((keyspace >>> 8) & 0xff) &&
    data[at + 6] === (keyspace & 0xff)
  );
}
