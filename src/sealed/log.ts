/**
 * Seals log payloads into their entries, and opens them in place, under the subkey of one load.
 * Session and sequence number stand in the entry's header, which is authenticated (FORMATS, log
 * AAD): an entry moved to another cluster, group or place in its session does not open.
 *
 * An entry is `header 21 | envelope header 6 | nonce 12 | ciphertext | tag 16`.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import {
  checkEnvelope,
  EnvelopeWriter,
  envelopeHeaderBytes,
  envelopeOverhead,
  type SealerIdentity,
} from "../crypto/envelope.ts";
import { entryHeaderBytes } from "../entry/logentry.ts";
import type { AeadKey, Primitives } from "../platform/primitives.ts";

const aadBytes = entryHeaderBytes + envelopeHeaderBytes;
/** Where the payload's plaintext starts in an entry that is to be sealed. */
export const entryTextAt = aadBytes + 12;
/** What a sealed entry has more than its payload's plaintext. */
export const sealedEntryOverhead = entryHeaderBytes + envelopeOverhead;

export class LogSealer {
  private readonly aead: AeadKey;
  private readonly envelopes: EnvelopeWriter;

  /** @param subkey - 32 bytes; copied. @param prefix - `logPrefix` of the place. */
  constructor(
    primitives: Primitives,
    subkey: Uint8Array,
    prefix: Uint8Array,
    identity: SealerIdentity,
  ) {
    this.aead = primitives.aead(subkey, prefix);
    this.envelopes = new EnvelopeWriter(identity);
  }

  /**
   * Seals `text` into the entry at `at`, whose header is complete and whose room for the text, at
   * `at + entryTextAt`, and for the tag behind it is free.
   * @param text - Left as it is, and not in that room.
   * @throws CRYPTO_NONCES_EXHAUSTED
   */
  seal(buffer: Buffer, at: number, text: Uint8Array): void {
    this.envelopes.write(buffer, at + entryHeaderBytes, 0);
    this.aead.sealFrom(buffer, at, aadBytes, text.length, text, 0);
  }

  dispose(): void {
    this.aead.dispose();
  }
}

export class LogOpener {
  private readonly aead: AeadKey;
  private readonly keyId: number;

  /** @param subkey - 32 bytes; copied. */
  constructor(primitives: Primitives, subkey: Uint8Array, prefix: Uint8Array, keyId: number) {
    this.aead = primitives.aead(subkey, prefix);
    this.keyId = keyId;
  }

  /**
   * Opens the sealed entry at [at, at + length) in place.
   * @returns The length of its plaintext, which then stands at `at + entryTextAt`.
   * @throws CRYPTO_TAG_MISMATCH, and what `checkEnvelope` throws.
   */
  open(buffer: Buffer, at: number, length: number): number {
    const envelopeAt = at + entryHeaderBytes;
    const flag = checkEnvelope(buffer, envelopeAt, length - entryHeaderBytes, this.keyId);
    if (flag !== 0) throw new StrongroomError("CRYPTO_ENVELOPE_VERSION", "compressed log entry");
    const textLength = length - sealedEntryOverhead;
    if (!this.aead.open(buffer, at, aadBytes, textLength))
      throw new StrongroomError("CRYPTO_TAG_MISMATCH");
    return textLength;
  }

  dispose(): void {
    this.aead.dispose();
  }
}
