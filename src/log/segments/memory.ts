/**
 * Page-aligned memory in which batches are built and from which they are written. Buffers are used
 * again, a bounded number of them; `allocate` lends one to a caller, who builds an entry right
 * where it will be written from.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { Disk } from "../../base/ports.ts";
import { alignUp } from "../../files/framing.ts";
import { entryHeadroom } from "./format.ts";

/** Buffers kept for use again. Larger ones than the standard are never kept. */
const keptMax = 6;
/** Buffers lent and not appended yet; a further loan forgets the oldest, which is then copied. */
const lentMax = 8;

export class BatchMemory {
  private readonly disk: Disk;
  private readonly standardBytes: number;
  private readonly kept: Buffer[] = [];
  private readonly lent: Buffer[] = [];

  /** @param standardBytes - Of the entries in an ordinary batch. */
  constructor(disk: Disk, standardBytes: number) {
    this.disk = disk;
    this.standardBytes = alignUp(entryHeadroom + standardBytes);
  }

  /** At least `bytes` bytes from a page boundary on. */
  take(bytes: number): Buffer {
    if (bytes > this.standardBytes) return this.disk.alignedBuffer(alignUp(bytes));
    return this.kept.pop() ?? this.disk.alignedBuffer(this.standardBytes);
  }

  /** The buffer is not referred to by a write any more. */
  give(buffer: Buffer): void {
    if (buffer.length === this.standardBytes && this.kept.length < keptMax) this.kept.push(buffer);
    else this.disk.giveBack(buffer);
  }

  lend(bytes: number): Buffer {
    const buffer = this.take(entryHeadroom + bytes);
    if (this.lent.length === lentMax) this.lent.shift();
    this.lent.push(buffer);
    return buffer.subarray(entryHeadroom, entryHeadroom + bytes);
  }

  /** The lent buffer at whose entry place `entry` lies, which is then no longer lent. */
  claim(entry: Uint8Array): Buffer | null {
    for (let at = 0; at < this.lent.length; at++) {
      const buffer = this.lent[at]!;
      if (entry.buffer !== buffer.buffer) continue;
      if (entry.byteOffset !== buffer.byteOffset + entryHeadroom) continue;
      assert(entryHeadroom + entry.byteLength <= buffer.length, "entry beyond its buffer");
      this.lent.splice(at, 1);
      return buffer;
    }
    return null;
  }
}
