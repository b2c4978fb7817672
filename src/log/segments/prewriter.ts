/**
 * Writes zeros ahead of the batches in a file that is new: a durable write over blocks that were
 * written once needs no change of the file's size or map and is several times quicker. It stays a
 * little ahead of what is used, so a log that is hardly written stays small on disk.
 * @module
 */
import type { Disk } from "../../base/ports.ts";
import type { BatchFailure } from "../../files/batchfile.ts";
import { alignUp } from "../../files/framing.ts";
import type { OpenFile } from "./files.ts";

const stepBytes = 1024 * 1024;
const aheadBytesMax = 4 * stepBytes;

export class Prewriter {
  /** A write is in flight, in the active file. */
  busy = false;
  private readonly disk: Disk;
  private readonly fileBytes: number;
  private zeros: Buffer | null = null;

  /** @param fileBytes - Size up to which files are prepared. */
  constructor(disk: Disk, fileBytes: number) {
    this.disk = disk;
    this.fileBytes = alignUp(fileBytes);
  }

  /** Extends `open` by a step if it is time to; `done` runs only if a write was begun. */
  extend(open: OpenFile, done: (failure: BatchFailure | null) => void): void {
    if (this.busy || open.blocked) return;
    const { end } = open.record;
    const wanted = Math.min(this.fileBytes, end + Math.min(end, aheadBytesMax));
    const from = open.written;
    if (from >= wanted) return;
    this.zeros ??= this.disk.alignedBuffer(Math.min(stepBytes, this.fileBytes));
    const data = this.zeros.subarray(0, Math.min(this.zeros.length, this.fileBytes - from));
    this.busy = true;
    open.file.write(data, from, (failure) => {
      this.busy = false;
      if (failure === null) open.written = Math.max(open.written, from + data.length);
      else open.blocked = true;
      done(failure);
    });
  }
}
