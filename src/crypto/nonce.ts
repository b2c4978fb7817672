/**
 * Nonces for AES-256-GCM. Two texts sealed under one key must never share a nonce: that reveals
 * both and allows forgery (NIST SP 800-38D, section 8). Ours are counted, not random: section
 * 8.2.1 with the fixed field (node16, epoch) and the write count as invocation field. Each subkey
 * has one counter, and one that has overflowed stays dead.
 *
 * `node16 u16 | epoch u16 | write_count u64`, big-endian, 12 bytes.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";

/** Who writes: one load of one node. */
export interface Writer {
  readonly node16: number;
  /** 1..65535, already durable as this load's. */
  readonly epoch: number;
}

export const writeCountMax = 0xffff_ffff_ffff_ffffn;

/** Hands out each nonce once. */
export class NonceCounter {
  readonly #writer: Writer;
  // Two words: a bigint per record would cost more than all the rest of a nonce.
  #high: number;
  #low: number;
  #overflowed = false;

  /** @param first - The first write count; another than 1 only to test the end of the range. */
  constructor(writer: Writer, first = 1n) {
    assertInteger(writer.node16, { min: 0, max: 0xffff });
    assertInteger(writer.epoch, { min: 1, max: 0xffff });
    assert(first >= 1n && first <= writeCountMax, "the write count starts at 1");
    this.#writer = { node16: writer.node16, epoch: writer.epoch };
    this.#high = Number(first >> 32n);
    this.#low = Number(first & 0xffff_ffffn);
  }

  /**
   * Writes the next nonce to `buffer[at, at + 12)`.
   * @throws CRYPTO_NONCES_EXHAUSTED once the last one is used, and always from then on.
   */
  write(buffer: Uint8Array, at: number): void {
    if (this.#overflowed) throw new StrongroomError("CRYPTO_NONCES_EXHAUSTED");
    assert(at >= 0 && at + 12 <= buffer.length, "a nonce in its buffer");
    const { node16, epoch } = this.#writer;
    buffer[at] = node16 >>> 8;
    buffer[at + 1] = node16;
    buffer[at + 2] = epoch >>> 8;
    buffer[at + 3] = epoch;
    writeWord(buffer, at + 4, this.#high);
    writeWord(buffer, at + 8, this.#low);
    this.#advance();
  }

  #advance(): void {
    if (this.#low < 0xffff_ffff) {
      this.#low++;
    } else if (this.#high < 0xffff_ffff) {
      this.#low = 0;
      this.#high++;
    } else {
      this.#overflowed = true;
    }
  }
}

function writeWord(buffer: Uint8Array, at: number, word: number): void {
  buffer[at] = word >>> 24;
  buffer[at + 1] = word >>> 16;
  buffer[at + 2] = word >>> 8;
  buffer[at + 3] = word;
}
