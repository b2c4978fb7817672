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
import type { MacKey, Primitives } from "../platform/primitives.ts";

const physicalKeyBytes = 16;

const rootHeaderBytes = 7;
const chunkBytes = 19;
/** Longer names are hashed in memory of their own. */
const scratchBytes = 4096;
/** Up to here a loop beats a call of memcpy. */
const loopBytesMax = 32;

export class PhysicalKeys {
  readonly #mac: MacKey;
  readonly #group: number;
  readonly #root: Buffer;
  readonly #chunk: Buffer;

  /** @param indexDek - 32 bytes; copied, the caller may zero its own at once. */
  constructor(primitives: Primitives, indexDek: Uint8Array, group: number) {
    assert(indexDek.length === 32, "an index DEK has 32 bytes");
    assertInteger(group, { min: 0, max: 0xffff });
    this.#group = group;
    this.#root = this.#header("R", scratchBytes);
    this.#chunk = this.#header("C", chunkBytes);
    this.#mac = primitives.mac(indexDek);
  }

  #header(use: string, bytes: number): Buffer {
    const scratch = Buffer.alloc(bytes);
    scratch.write(use, 0, "latin1");
    scratch.writeUInt16BE(this.#group, 1);
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
    const length = rootHeaderBytes + end - start;
    const data = length <= scratchBytes ? this.#root : this.#header("R", length);
    data[3] = keyspace >>> 24;
    data[4] = keyspace >>> 16;
    data[5] = keyspace >>> 8;
    data[6] = keyspace;
    if (end - start <= loopBytesMax)
      for (let at = start, to = rootHeaderBytes; at < end; at++, to++) data[to] = buffer[at]!;
    else data.set(buffer.subarray(start, end), rootHeaderBytes);
    this.#mac.sign(data, 0, length, out, outAt, physicalKeyBytes);
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

  /** Zeroes the key. */
  dispose(): void {
    this.#mac.dispose();
  }
}
