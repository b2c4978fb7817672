/**
 * The compactor's work on bytes: takes live records of a closed segment, proves them, and lays them
 * out as a run for the segment's successor. Sequences stay, so a copy never beats a newer write.
 * @module
 */
import { letGo, putSafe64 } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk, DiskFile } from "../../base/ports.ts";
import {
  checkRecord,
  expireAtAt,
  kindControl,
  kindPut,
  kindTombstone,
  recordHeaderBytes,
  recordTextAt,
  sealedPutOverhead,
} from "../../entry/record.ts";
import { fileSeed, frameHeaderBytes, frameIsWhole } from "../../files/framing.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { RecordOpener } from "../../sealed/record.ts";
import { markCompressed, markPlain, runTailBytes } from "./run.ts";

/** A closed segment to copy from. Structured-clonable. */
export interface CopySource {
  readonly path: string;
  readonly number: number;
  /** 0: clear. */
  readonly keyId: number;
  /** 32 bytes, empty for a clear one; the reader zeroes its copy. */
  readonly subkey: Uint8Array;
  readonly prefix: Uint8Array;
  /** It is on the disk alone: there one large read costs less than a few small ones. */
  readonly cold: boolean;
}

/** Words per row of a copy's table: offset of the frame, length of its body, how it is copied. */
const copyRowWords = 3;
/** As it is; as the tombstone of a put that has expired; a control record. */
export const copyWhole = 0;
export const copyExpired = 1;
export const copyControl = 2;

const windowBytesMax = 1024 * 1024;
/** What is dead is read too, between live records that are not farther from each other. */
const gapBytesMax = 8192;
const coldGapBytesMax = 128 * 1024;

export class CopyReader {
  readonly source: CopySource;
  private readonly file: DiskFile;
  private readonly opener: RecordOpener | null;
  private readonly seed: number;
  private window: Buffer;
  private windowFrom = 0;
  private windowLength = 0;

  constructor(disk: Disk, primitives: Primitives, source: CopySource) {
    this.source = source;
    this.seed = fileSeed(source.number);
    const { keyId, subkey, prefix } = source;
    this.opener = keyId === 0 ? null : new RecordOpener(primitives, subkey, prefix, keyId);
    subkey.fill(0);
    try {
      this.file = disk.open(source.path, { mode: "read" });
    } catch (error) {
      this.opener?.dispose();
      throw error;
    }
    this.window = Buffer.allocUnsafeSlow(windowBytesMax);
  }

  close(): void {
    this.opener?.dispose();
    this.file.close();
    letGo(this.window);
  }

  /** Bytes that the rows need in a run's image at most. */
  static imageBytes(table: Uint32Array): number {
    let bytes = runTailBytes;
    for (let row = 0; row < table.length; row += copyRowWords)
      bytes += frameHeaderBytes + (table[row + 1] as number) + sealedPutOverhead;
    return bytes;
  }

  /**
   * Lays the records of `table` out from offset 0 of `image`.
   * @param headers - That they have, one after the other; not looked at for control records.
   * @returns Where they end.
   * @throws STORE_RECORD_DAMAGED, CRYPTO_TAG_MISMATCH, FORMAT_*: a record is not what was written;
   *   Node's errors of a read.
   */
  copy(table: Uint32Array, headers: Uint8Array, image: Buffer): number {
    let to = 0;
    for (let row = 0, n = 0; row < table.length; row += copyRowWords, n++) {
      const offset = table[row] as number;
      const length = table[row + 1] as number;
      const how = table[row + 2] as number;
      this.load(table, row);
      const at = offset - this.windowFrom;
      this.prove(at, length, offset);
      if (!this.hasHeader(at + frameHeaderBytes, how, headers, n)) throw this.damaged(offset);
      to = this.lay(at + frameHeaderBytes, length, how === copyExpired, image, to);
    }
    if (this.window.length > windowBytesMax) this.widen(windowBytesMax);
    return to;
  }

  /** Another window, which holds nothing. A large record's is not kept. */
  private widen(bytes: number): void {
    letGo(this.window);
    this.window = Buffer.allocUnsafeSlow(bytes);
    this.windowLength = 0;
  }

  private damaged(offset: number): StrongroomError {
    return new StrongroomError("STORE_RECORD_DAMAGED", `${this.source.path} at offset ${offset}`);
  }

  /** Reads the record of this row, with those behind it that are near. */
  private load(table: Uint32Array, row: number): void {
    const offset = table[row] as number;
    const bytes = frameHeaderBytes + (table[row + 1] as number);
    if (offset >= this.windowFrom && offset + bytes <= this.windowFrom + this.windowLength) return;
    let end = offset + bytes;
    const gapMax = this.source.cold ? coldGapBytesMax : gapBytesMax;
    for (let next = row + copyRowWords; next < table.length; next += copyRowWords) {
      const from = table[next] as number;
      const to = from + frameHeaderBytes + (table[next + 1] as number);
      if (from < end || from - end > gapMax || to - offset > windowBytesMax) break;
      end = to;
    }
    if (end - offset > this.window.length) this.widen(end - offset);
    this.windowFrom = offset;
    // A read that fails leaves nothing that could be taken for what lies there.
    this.windowLength = 0;
    this.windowLength = this.file.read(this.window.subarray(0, end - offset), offset);
    if (this.windowLength < bytes) throw this.damaged(offset);
  }

  /** Another record of the key, even an authentic one, does not pass for the one that is meant. */
  private hasHeader(bodyAt: number, how: number, headers: Uint8Array, n: number): boolean {
    if (how === copyControl) return this.window[bodyAt] === kindControl;
    const at = n * recordHeaderBytes;
    const end = at + recordHeaderBytes;
    return this.window.compare(headers, at, end, bodyAt, bodyAt + recordHeaderBytes) === 0;
  }

  private prove(at: number, length: number, offset: number): void {
    const whole =
      this.window.readUInt32BE(at) === length &&
      frameIsWhole(this.window, at, length, this.seed, offset);
    if (!whole) throw this.damaged(offset);
    checkRecord(this.window, at + frameHeaderBytes, length, this.opener !== null);
  }

  private lay(at: number, length: number, expired: boolean, image: Buffer, to: number): number {
    const window = this.window;
    const bodyAt = to + frameHeaderBytes;
    const put = window[at] === kindPut;
    if (put && this.opener !== null) this.opener.open(window, at, length);
    const sealed = this.opener !== null;
    const head = put ? recordHeaderBytes : length;
    window.copy(image, bodyAt, at, at + head);
    image.writeUInt32BE(markPlain, to + 4);
    if (!put || expired) {
      if (expired) {
        image[bodyAt] = kindTombstone;
        putSafe64(image, 0, bodyAt + expireAtAt);
      }
      image.writeUInt32BE(head, to);
      return bodyAt + head;
    }
    const textAt = at + (sealed ? recordTextAt : recordHeaderBytes);
    const textLength = length - (sealed ? sealedPutOverhead : recordHeaderBytes);
    window.copy(image, bodyAt + recordTextAt, textAt, textAt + textLength);
    if (this.opener?.compressed === true) image.writeUInt32BE(markCompressed, to + 4);
    image.writeUInt32BE(sealedPutOverhead + textLength, to);
    return bodyAt + sealedPutOverhead + textLength;
  }
}
