/**
 * One batch: entries that become durable together, in one frame, by one write. All of them or none
 * survive a crash.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { LogIndex } from "../../base/brand.ts";
import { putSafe64 } from "../../base/bytes.ts";
import { alignUp, frameHeaderBytes, writeFrameHeader } from "../../files/framing.ts";
import type { AppendDone } from "../log.ts";
import { batchHeaderBytes, entryHeaderBytes } from "./format.ts";

const noIndex = 0 as LogIndex;

export class Batch {
  readonly buffer: Buffer | null;
  /** Set when the batch will not or did not become durable. */
  error: Error | null = null;
  /** Index of its first entry, once it is being written. */
  firstIndex = 0;
  /** Bytes of its entries, without headers. */
  entryBytes = 0;
  private readonly dones: AppendDone[] = [];
  private length = frameHeaderBytes + batchHeaderBytes;

  /** @param buffer - Page-aligned; null for a batch that only carries an error. */
  constructor(buffer: Buffer | null) {
    this.buffer = buffer;
  }

  get count(): number {
    return this.dones.length;
  }

  /** Whether an entry still fits; `bytesMax` bounds the entries of a batch with several. */
  fits(bytes: number, bytesMax: number): boolean {
    if (this.buffer === null || this.entryBytes + bytes > bytesMax) return false;
    return this.length + entryHeaderBytes + bytes <= this.buffer.length;
  }

  /** @param entry - Copied, unless `inPlace`: then it is where it belongs already. */
  add(entry: Uint8Array, inPlace: boolean, done: AppendDone): void {
    const buffer = this.buffer;
    assert(buffer !== null, "a batch without memory takes no entry");
    assert(!inPlace || this.count === 0, "only the first entry can be in place");
    buffer.writeUInt32BE(entry.length, this.length);
    if (!inPlace) buffer.set(entry, this.length + entryHeaderBytes);
    this.length += entryHeaderBytes + entry.length;
    this.entryBytes += entry.length;
    this.dones.push(done);
  }

  /** Puts `done` into an empty batch that only carries an error. */
  static failed(done: AppendDone, error: Error): Batch {
    const batch = new Batch(null);
    batch.error = error;
    batch.dones.push(done);
    return batch;
  }

  /** Bytes that it takes in the file. */
  get fileBytes(): number {
    return alignUp(this.length);
  }

  /** @returns The whole blocks to write at `position`, below which everything is durable. */
  seal(seed: number, position: number, firstIndex: number): Buffer {
    const buffer = this.buffer;
    assert(buffer !== null && this.count > 0, "an empty batch is not written");
    this.firstIndex = firstIndex;
    putSafe64(buffer, firstIndex, frameHeaderBytes);
    buffer.writeUInt32BE(this.count, frameHeaderBytes + 8);
    const bodyBytes = this.length - frameHeaderBytes;
    writeFrameHeader(buffer, 0, bodyBytes, seed, position, position);
    const end = this.fileBytes;
    buffer.fill(0, this.length, end);
    return buffer.subarray(0, end);
  }

  /** Tells every caller, in order. */
  settle(): void {
    const error = this.error;
    for (let n = 0; n < this.dones.length; n++)
      this.dones[n]!(error, error === null ? ((this.firstIndex + n) as LogIndex) : noIndex);
  }
}
