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
}

/** Words per row of a copy's table: offset of the frame, length of its body, 1: as a tombstone. */
const copyRowWords = 3;

const windowBytesMax = 1024 * 1024;

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
    this.file = disk.open(source.path, { mode: "read" });
    this.window = Buffer.allocUnsafeSlow(Math.min(windowBytesMax, this.file.size()));
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

  /** Lays the records of `table` out from offset 0 of `image`. @returns Where they end. */
  copy(table: Uint32Array, image: Buffer): number {
    let to = 0;
    for (let row = 0; row < table.length; row += copyRowWords) {
      const offset = table[row] as number;
      const length = table[row + 1] as number;
      this.load(offset, frameHeaderBytes + length);
      const at = offset - this.windowFrom;
      this.prove(at, length, offset);
      to = this.lay(at + frameHeaderBytes, length, table[row + 2] === 1, image, to);
    }
    return to;
  }

  private damaged(offset: number): StrongroomError {
    return new StrongroomError("STORE_RECORD_DAMAGED", `${this.source.path} at offset ${offset}`);
  }

  private load(offset: number, bytes: number): void {
    if (offset >= this.windowFrom && offset + bytes <= this.windowFrom + this.windowLength) return;
    if (bytes > this.window.length) this.window = Buffer.allocUnsafeSlow(bytes);
    this.windowFrom = offset;
    this.windowLength = this.file.read(this.window, offset);
    if (this.windowLength < bytes) throw this.damaged(offset);
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
