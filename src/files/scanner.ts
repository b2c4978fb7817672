/**
 * Reads the frames of an append-only file one after the other and tells a torn tail from damage.
 *
 * A crash can leave the last, unacknowledged batch half-written: the frames end at the first bad
 * one and what follows is cut by ignoring it. Damage to what was durable must never be mistaken for
 * that. So behind a bad frame every block boundary is searched for a whole frame of this file: if
 * one says that everything below an offset past the bad frame was durable (`synced_through`), the
 * bad frame is damage and the scan throws. The scanner only reads.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import type { DiskFile } from "../base/ports.ts";
import {
  alignUp,
  blockBytes,
  frameHeaderBytes,
  frameIsWhole,
  frameSyncedThrough,
  plausibleFrame,
} from "./framing.ts";

export interface ScanOptions {
  /** `fileSeed` of the file's number. */
  readonly seed: number;
  /** File offset of the first batch: a multiple of the block size. Default: after the header. */
  readonly from?: number;
  /** File offset to stop at. Default: the size of the file. */
  readonly end?: number;
  /** Bytes read at once; a longer frame makes the window grow to its size. */
  readonly windowBytes?: number;
}

/** Fields describe the frame that the last `next()` found; the next call overwrites them. */
export class FrameScanner {
  /** Holds the frame's body at [bodyAt, bodyAt + bodyLength). */
  buffer: Buffer;
  bodyAt = 0;
  bodyLength = 0;
  /** File offset of the frame. */
  position = 0;
  syncedThrough = 0;
  /** File offset at which the next batch would start: the end of the frames seen, aligned. */
  end: number;
  private readonly file: DiskFile;
  private readonly seed: number;
  private readonly fileEnd: number;
  private cursor: number;
  private windowFrom = 0;
  private windowLength = 0;
  private finished = false;

  constructor(file: DiskFile, options: ScanOptions) {
    this.file = file;
    this.seed = options.seed;
    this.cursor = options.from ?? blockBytes;
    assert(this.cursor % blockBytes === 0, "a scan starts on a block boundary");
    this.end = this.cursor;
    this.fileEnd = options.end ?? file.size();
    this.buffer = Buffer.allocUnsafeSlow(options.windowBytes ?? 1024 * 1024);
  }

  /**
   * @returns False at the end of the frames.
   * @throws FILE_FRAME_DAMAGED naming file and offset, if what is bad was durable once.
   */
  next(): boolean {
    if (this.finished) return false;
    if (this.frameAt(this.cursor) || (this.skipPadding() && this.frameAt(this.cursor))) {
      this.cursor = this.position + frameHeaderBytes + this.bodyLength;
      this.end = alignUp(this.cursor);
      return true;
    }
    this.finished = true;
    this.bodyLength = 0;
    this.refuseDamageAt(this.cursor);
    return false;
  }

  /** Zeros up to the next block boundary: the batch ended here, the next one starts there. */
  private skipPadding(): boolean {
    if (this.cursor === this.end) return false;
    const length = Math.min(this.end, this.fileEnd) - this.cursor;
    if (!this.load(this.cursor, length)) return false;
    const from = this.cursor - this.windowFrom;
    for (let at = from; at < from + length; at++) if (this.buffer[at] !== 0) return false;
    this.cursor = this.end;
    return true;
  }

  private refuseDamageAt(bad: number): void {
    for (let at = alignUp(bad + 1); at < this.fileEnd; at += blockBytes)
      if (this.frameAt(at) && this.syncedThrough > bad)
        throw new StrongroomError(
          "FILE_FRAME_DAMAGED",
          `${this.file.path} at offset ${bad}; a later frame at ${at} is whole`,
        );
  }

  /** Sets the fields if a whole frame of this file lies at `position`. */
  private frameAt(position: number): boolean {
    if (!this.load(position, frameHeaderBytes)) return false;
    const length = plausibleFrame(this.buffer, position - this.windowFrom, position, this.fileEnd);
    if (length === 0 || !this.load(position, frameHeaderBytes + length)) return false;
    const at = position - this.windowFrom;
    if (!frameIsWhole(this.buffer, at, length, this.seed, position)) return false;
    this.position = position;
    this.bodyAt = at + frameHeaderBytes;
    this.bodyLength = length;
    this.syncedThrough = frameSyncedThrough(this.buffer, at);
    return true;
  }

  /** Brings [position, position + bytes) into the window; false if the file ends before. */
  private load(position: number, bytes: number): boolean {
    if (position + bytes > this.fileEnd) return false;
    const within = position - this.windowFrom;
    if (within >= 0 && within + bytes <= this.windowLength) return true;
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(alignUp(bytes));
    this.windowFrom = position;
    const wanted = Math.min(this.buffer.length, this.fileEnd - position);
    this.windowLength = this.file.read(this.buffer.subarray(0, wanted), position);
    return this.windowLength >= bytes;
  }
}
