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
  envelopesMax,
  flagCompressed,
  type SealerIdentity,
} from "../crypto/envelope.ts";
import {
  recordAadBytes,
  recordHeaderBytes,
  recordTextAt,
  sealedPutOverhead,
} from "../entry/record.ts";
import { type AeadKey, openRow, type Primitives } from "../platform/primitives.ts";

export class RecordSealer {
  private readonly aead: AeadKey;
  private readonly envelopes: EnvelopeWriter;
  private table = new Uint32Array(3 * 1024);
  private rows = 0;

  /**
   * @param subkey - 32 bytes; copied: the caller zeroes its own.
   * @param prefix - `storagePrefix` of the place.
   * @param sealsMax - Records that it seals at most.
   */
  constructor(
    primitives: Primitives,
    subkey: Uint8Array,
    prefix: Uint8Array,
    identity: SealerIdentity,
    sealsMax = envelopesMax,
  ) {
    this.aead = primitives.aead(subkey, prefix);
    this.envelopes = new EnvelopeWriter(identity, 1n, sealsMax);
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
  readonly aead: AeadKey;
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
    this.check(buffer, at, length);
    if (!this.aead.open(buffer, at, recordAadBytes, length - sealedPutOverhead))
      throw new StrongroomError("CRYPTO_TAG_MISMATCH");
  }

  /** Sets the fields for the put at [at, at + length). @throws what `checkEnvelope` throws. */
  check(buffer: Buffer, at: number, length: number): void {
    const envelopeAt = at + recordHeaderBytes;
    const flag = checkEnvelope(buffer, envelopeAt, length - recordHeaderBytes, this.keyId);
    this.bodyStart = at + recordTextAt;
    this.bodyEnd = at + recordTextAt + length - sealedPutOverhead;
    this.compressed = flag === flagCompressed;
  }

  dispose(): void {
    this.aead.dispose();
  }
}

/** Opens sealed puts of several segments together, in place and in one call. */
export class RecordsOpener {
  private readonly primitives: Primitives;
  private readonly keys: AeadKey[] = [];
  private readonly rows: Uint32Array;
  private count = 0;

  /** @param max - Puts that are opened together at most. */
  constructor(primitives: Primitives, max: number) {
    this.primitives = primitives;
    this.rows = new Uint32Array(max * openRow);
  }

  /** Adds the put at [at, at + length), which is long enough for one: its number from 0 on. */
  add(opener: RecordOpener, at: number, length: number): number {
    const row = this.count * openRow;
    this.keys[this.count] = opener.aead;
    this.rows[row + 1] = at;
    this.rows[row + 2] = recordAadBytes;
    this.rows[row + 3] = length - sealedPutOverhead;
    return this.count++;
  }

  /** Opens everything that was added. What does not open is zeroed, and spoils no other. */
  openAll(buffer: Buffer): void {
    const { count } = this;
    this.count = 0;
    this.primitives.openMany(this.keys, buffer, this.rows, count);
  }

  /** After `openAll`: whether put `n` has opened. */
  opened(n: number): boolean {
    return this.rows[n * openRow + 4] === 1;
  }
}
