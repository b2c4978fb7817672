/**
 * Seals and opens stored records in place. One segment has one subkey, one sealer and its own
 * count of nonces. The record's header and place are authenticated with it (FORMATS, storage AAD),
 * so a record moved to another key, group, cluster or header does not open.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import {
  checkEnvelope,
  EnvelopeWriter,
  flagCompressed,
  type SealerIdentity,
} from "../crypto/envelope.ts";
import {
  recordAadBytes,
  recordHeaderBytes,
  recordTextAt,
  sealedPutOverhead,
} from "../entry/record.ts";
import type { AeadKey, Primitives } from "../platform/primitives.ts";

export class RecordSealer {
  private readonly aead: AeadKey;
  private readonly envelopes: EnvelopeWriter;
  private table = new Uint32Array(3 * 1024);
  private rows = 0;

  /**
   * @param subkey - 32 bytes; copied: the caller zeroes its own.
   * @param prefix - `storagePrefix` of the place.
   */
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
   * Adds the record at `at`, whose header is complete and whose body of `bodyLength` bytes stands
   * at `at + recordTextAt`, to what the next `sealAll` seals.
   */
  add(buffer: Buffer, at: number, bodyLength: number, compressed: boolean): void {
    this.envelopes.write(buffer, at + recordHeaderBytes, compressed ? flagCompressed : 0);
    if (this.rows * 3 === this.table.length) {
      const larger = new Uint32Array(this.table.length * 2);
      larger.set(this.table);
      this.table = larger;
    }
    this.table[this.rows * 3] = at;
    this.table[this.rows * 3 + 1] = recordAadBytes;
    this.table[this.rows * 3 + 2] = bodyLength;
    this.rows++;
  }

  /** Seals everything that was added. */
  sealAll(buffer: Buffer): void {
    this.aead.sealMany(buffer, this.table, this.rows);
    this.rows = 0;
  }

  dispose(): void {
    this.aead.dispose();
  }
}

export class RecordOpener {
  /** Of the record that was opened last: where its body lies, and whether it is compressed. */
  bodyStart = 0;
  bodyEnd = 0;
  compressed = false;
  private readonly aead: AeadKey;
  private readonly keyId: number;

  /** @param subkey - 32 bytes; copied: the caller zeroes its own. */
  constructor(primitives: Primitives, subkey: Uint8Array, prefix: Uint8Array, keyId: number) {
    this.aead = primitives.aead(subkey, prefix);
    this.keyId = keyId;
  }

  /**
   * Opens the sealed put at [at, at + length) in place and sets the fields.
   * @throws CRYPTO_TAG_MISMATCH, and what `checkEnvelope` throws.
   */
  open(buffer: Buffer, at: number, length: number): void {
    const flag = checkEnvelope(
      buffer,
      at + recordHeaderBytes,
      length - recordHeaderBytes,
      this.keyId,
    );
    const textLength = length - sealedPutOverhead;
    if (!this.aead.open(buffer, at, recordAadBytes, textLength))
      throw new StrongroomError("CRYPTO_TAG_MISMATCH");
    this.bodyStart = at + recordTextAt;
    this.bodyEnd = this.bodyStart + textLength;
    this.compressed = flag === flagCompressed;
  }

  dispose(): void {
    this.aead.dispose();
  }
}
