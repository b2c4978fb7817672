// Permanent format: change it only by adding a version. Integers are big-endian.
//
//   offset  size  field
//        0     1  version  0x01
//        1     1  flag     bit 0: compressed by zstd before sealing; others are refused
//        2     4  key_id   u32, never 0
//        6    12  nonce    see nonce.ts
//       18     n  ciphertext
//     18+n    16  tag
/**
 * The envelope around everything sealed, in the store as in the log. Header and nonce are written
 * in place in front of the text; the header is authenticated with it. The hazards: data that is
 * read under another version than it was written, and a header that is believed before its length
 * is known. docs/formats/envelope.md.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import { nonceBytes, tagBytes } from "../platform/primitives.ts";
import { NonceCounter, type Writer } from "./nonce.ts";

const envelopeVersion = 1;
/** Flag bit 0: the plaintext was zstd-compressed before sealing. */
export const flagCompressed = 1;
/** version | flag | key_id: the part that joins the authenticated data. */
export const envelopeHeaderBytes = 6;
/** Where the text begins. */
export const envelopeTextAt = envelopeHeaderBytes + nonceBytes;
/** What an envelope has more than its text. */
export const envelopeOverhead = envelopeTextAt + tagBytes;

/**
 * Envelopes that one subkey seals at most. NIST SP 800-38D, section 8.3, bounds the invocations of
 * a key by 2^32 where nonces may be random; ours are counted, and a fresh load or segment, with a
 * subkey of its own, comes long before half of that.
 */
export const envelopesMax = 2 ** 31;

/** Who seals, and under which DEK. */
export interface SealerIdentity extends Writer {
  /** u32, never 0. */
  readonly keyId: number;
}

/** Writes what stands before the text of an envelope, each time with a nonce of its own. */
export class EnvelopeWriter {
  readonly #keyId: number;
  readonly #nonces: NonceCounter;
  #left: number;

  /**
   * @param first - The first write count; another than 1 only to test the end of the range.
   * @param max - Envelopes that it may write.
   */
  constructor(identity: SealerIdentity, first = 1n, max = envelopesMax) {
    assertInteger(identity.keyId, { min: 1, max: 0xffff_ffff });
    this.#keyId = identity.keyId;
    this.#nonces = new NonceCounter(identity, first);
    this.#left = max;
  }

  /**
   * Writes version, flag, key_id and nonce to `buffer[at, at + 18)`: one nonce is used up.
   * @throws CRYPTO_NONCES_EXHAUSTED, and always from then on.
   */
  write(buffer: Uint8Array, at: number, flag: number): void {
    assert((flag & ~flagCompressed) === 0, "reserved flag bits");
    if (this.#left === 0) throw new StrongroomError("CRYPTO_NONCES_EXHAUSTED");
    this.#left--;
    this.#nonces.write(buffer, at + envelopeHeaderBytes);
    buffer[at] = envelopeVersion;
    buffer[at + 1] = flag;
    buffer[at + 2] = this.#keyId >>> 24;
    buffer[at + 3] = this.#keyId >>> 16;
    buffer[at + 4] = this.#keyId >>> 8;
    buffer[at + 5] = this.#keyId;
  }
}

/** What the header of an envelope says. Nothing of it is authentic until the text has opened. */
export interface EnvelopeHeader {
  readonly flag: number;
  readonly keyId: KeyId;
  /** Bytes of ciphertext. */
  readonly textLength: number;
}

/**
 * Reads the header of the envelope at `buffer[at, at + length)`.
 * @throws CRYPTO_ENVELOPE_SHORT, CRYPTO_ENVELOPE_VERSION; CRYPTO_KEY_UNKNOWN for key_id 0.
 */
export function parseEnvelope(buffer: Uint8Array, at: number, length: number): EnvelopeHeader {
  assert(at >= 0 && length >= 0 && at + length <= buffer.length, "an envelope in its buffer");
  if (length < envelopeOverhead) throw new StrongroomError("CRYPTO_ENVELOPE_SHORT");
  const flag = buffer[at + 1]!;
  if (buffer[at] !== envelopeVersion || (flag & ~flagCompressed) !== 0)
    throw new StrongroomError("CRYPTO_ENVELOPE_VERSION");
  const keyId = readKeyId(buffer, at);
  if (keyId === 0) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", "the envelope names key 0");
  return { flag, keyId: keyId as KeyId, textLength: length - envelopeOverhead };
}

/**
 * Checks, without making an object, that the envelope at `buffer[at, at + length)` is sealed under
 * `keyId`.
 * @returns Its flag.
 * @throws As parseEnvelope; CRYPTO_KEY_UNKNOWN also for another key.
 */
export function checkEnvelope(
  buffer: Uint8Array,
  at: number,
  length: number,
  keyId: number,
): number {
  assert(at >= 0 && at + length <= buffer.length, "an envelope in its buffer");
  if (length < envelopeOverhead) throw new StrongroomError("CRYPTO_ENVELOPE_SHORT");
  const flag = buffer[at + 1]!;
  if (buffer[at] !== envelopeVersion || (flag & ~flagCompressed) !== 0)
    throw new StrongroomError("CRYPTO_ENVELOPE_VERSION");
  if (keyId === 0 || readKeyId(buffer, at) !== keyId)
    throw new StrongroomError("CRYPTO_KEY_UNKNOWN", "the envelope names another key");
  return flag;
}

function readKeyId(buffer: Uint8Array, at: number): number {
  const low = (buffer[at + 3]! << 16) | (buffer[at + 4]! << 8) | buffer[at + 5]!;
  return buffer[at + 2]! * 0x100_0000 + low;
}
