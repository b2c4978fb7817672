/**
 * A run while it is collected: frames at their final layout in page-aligned shared memory, so that
 * the writer seals, checksums and writes them in place. Sequences, nonces, checksums and the commit
 * are the writer's.
 *
 * While a run is not sealed, the CRC field of a put's frame holds a mark: 0 plain, 1 plain and to
 * be compressed if that is on, 2 compressed.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { letGo, putU32 } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import {
  controlBytes,
  kindPut,
  kindTombstone,
  recordHeaderBytes,
  recordTextAt,
  sealedPutOverhead,
  writeControl,
  writeRecordHeader,
} from "../../entry/record.ts";
import { alignUp, blockBytes, frameHeaderBytes } from "../../files/framing.ts";
import { compressText } from "../../sealed/compress.ts";
import type { RunBuilder } from "../store.ts";

export const markPlain = 0;
export const markCompressible = 1;
export const markCompressed = 2;

/** Room behind the records for the commit frame and the padding to a block. */
export const runTailBytes = 2 * blockBytes;
/** A run above this is refused: offsets in a segment have 32 bits. */
const runBytesMax = 0x7fff_0000;

/** Where the memory of runs comes from. */
export type RunMemory = Pick<Disk, "alignedBuffer" | "giveBack">;

/** Of runs that no other thread and no file sees. */
export const ownMemory: RunMemory = {
  alignedBuffer: (bytes) => Buffer.alloc(bytes),
  giveBack(buffer) {
    const whole = buffer.length === buffer.buffer.byteLength;
    if (whole) letGo(buffer);
    return whole;
  },
};

/**
 * Compresses the body of the frame at `at` if it is marked so, and marks it.
 * @returns The length of its body now.
 */
export function compressFrame(buffer: Buffer, at: number, length: number): number {
  if (buffer.readUInt32BE(at + 4) !== markCompressible) return length;
  if (buffer[at + frameHeaderBytes] !== kindPut) return length;
  const textAt = at + frameHeaderBytes + recordTextAt;
  const packed = compressText(buffer.subarray(textAt, textAt + length - sealedPutOverhead));
  if (packed === null) return length;
  buffer.set(packed, textAt);
  const kept = sealedPutOverhead + packed.length;
  buffer.writeUInt32BE(kept, at);
  buffer.writeUInt32BE(markCompressed, at + 4);
  return kept;
}

export class SegmentRun implements RunBuilder {
  buffer: Buffer;
  bytes = 0;
  records = 0;
  /** Records with a body: what will be sealed. */
  puts = 0;
  /** Set while the run is being flushed. */
  busy = false;
  /** What it will take, by what was reserved. */
  expected = 0;
  /** Set once it is written while it is collected: its memory must not move. */
  streamed = false;
  /** Bytes of its memory that runs have written to, but for what this one has now. */
  touched = 0;
  /** Bytes that this run had at most, before it was shortened. */
  private reached = 0;
  private readonly memory: RunMemory;

  constructor(memory: RunMemory, bytes: number) {
    this.memory = memory;
    this.buffer = memory.alignedBuffer(alignUp(bytes));
  }

  /** Gives back what was touched beyond `bytes`. False: that is not possible. */
  keep(bytes: number): boolean {
    const { touched } = this;
    if (touched <= bytes) return true;
    const kept = alignUp(bytes);
    if (!this.memory.giveBack(this.buffer.subarray(kept, alignUp(touched)))) return false;
    this.touched = kept;
    return true;
  }

  /** What was written is shorter than what was collected. */
  shorten(bytes: number): void {
    this.reached = this.used;
    this.bytes = bytes;
  }

  /** Bytes of memory that this run has written to. */
  get used(): number {
    return Math.max(this.reached, this.bytes);
  }

  /** Nobody uses it any more. */
  giveUp(): void {
    this.memory.giveBack(this.buffer);
  }

  reset(): void {
    this.touched = Math.max(this.touched, this.used);
    this.bytes = this.reached = 0;
    this.records = 0;
    this.puts = 0;
    this.busy = false;
    this.streamed = false;
    this.expected = 0;
  }

  reserve(bytes: number): void {
    this.expected = this.bytes + bytes;
    const needed = this.expected + runTailBytes;
    if (needed > this.buffer.length) this.grow(needed);
  }

  get room(): number {
    return this.buffer.length - runTailBytes;
  }

  written(end: number, frames: number): void {
    assert(!this.busy && end >= this.bytes && end <= this.room, "frames outside of their run");
    this.bytes = end;
    this.records += frames;
    this.puts += frames;
  }

  /** Opens a frame and returns the offset of its body. */
  private frame(bodyLength: number, mark: number): number {
    assert(!this.busy, "a run that is being flushed must not change");
    const at = this.bytes;
    const end = at + frameHeaderBytes + bodyLength;
    if (end + runTailBytes > this.buffer.length) this.grow(end + runTailBytes);
    putU32(this.buffer, bodyLength, at);
    putU32(this.buffer, mark, at + 4);
    this.bytes = end;
    this.records++;
    return at + frameHeaderBytes;
  }

  private grow(needed: number): void {
    assert(!this.streamed, "a run must not move while it is written");
    if (needed > runBytesMax) throw new StrongroomError("STORE_RECORD_SIZE", "run above 2 GiB");
    const larger = this.memory.alignedBuffer(alignUp(Math.max(needed, this.buffer.length * 2)));
    this.buffer.copy(larger, 0, 0, this.bytes);
    this.memory.giveBack(this.buffer);
    this.buffer = larger;
  }

  put(
    physical: Uint8Array,
    physicalAt: number,
    root: boolean,
    keyspace: number,
    expireAt: number,
    commitTs: bigint,
    bodyLength: number,
    compressible = false,
  ): number {
    const mark = compressible ? markCompressible : markPlain;
    const at = this.frame(sealedPutOverhead + bodyLength, mark);
    this.puts++;
    const buffer = this.buffer;
    writeRecordHeader(
      buffer,
      at,
      kindPut,
      physical,
      physicalAt,
      root,
      keyspace,
      expireAt,
      commitTs,
    );
    return at + recordTextAt;
  }

  tombstone(
    physical: Uint8Array,
    physicalAt: number,
    root: boolean,
    keyspace: number,
    commitTs: bigint,
  ): void {
    const at = this.frame(recordHeaderBytes, markPlain);
    const buffer = this.buffer;
    writeRecordHeader(buffer, at, kindTombstone, physical, physicalAt, root, keyspace, 0, commitTs);
  }

  control(table: number, deleted: boolean, key: Uint8Array, value: Uint8Array): void {
    const at = this.frame(controlBytes(key, value), markPlain);
    writeControl(this.buffer, at, { table, deleted, key, value });
  }
}
