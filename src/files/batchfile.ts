/**
 * A file that takes batches durably: each is one write at a block boundary, known to be on the
 * disk when its callback runs. With direct I/O that is one call (O_DIRECT | O_DSYNC, open(2)); a
 * filesystem without it gets a buffered write and then fdatasync. Which of the two is decided when
 * the file is opened; the bytes on disk are the same.
 *
 * The hazard is what a failure leaves behind. A disk without room is told apart (`full`): then the
 * caller cuts the place and may go on. After any other failure, and after every failed sync, what
 * is durable is unknown.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { Disk, DiskFile } from "../base/ports.ts";
import { blockBytes } from "./framing.ts";

export interface BatchFailure {
  /** The disk or the quota is full and nothing was claimed to be durable. */
  readonly full: boolean;
  readonly cause: Error;
}

/** True for the errors of a write or a creation that say: no room. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}

function assertAligned(data: Buffer, position: number): void {
  assert(data.length % blockBytes === 0 && position % blockBytes === 0, "batch not aligned");
}

export class BatchFile {
  readonly path: string;
  /** Whether batches bypass the page cache. */
  readonly direct: boolean;
  private readonly file: DiskFile;

  private constructor(file: DiskFile) {
    this.file = file;
    this.path = file.path;
    this.direct = file.direct;
  }

  /**
   * @param mode - `create`: the file must not exist; `write`: it must.
   * @param direct - False: buffered even where direct I/O would be had.
   */
  static open(disk: Disk, path: string, mode: "create" | "write", direct = true): BatchFile {
    if (!direct) return new BatchFile(disk.open(path, { mode }));
    const file = disk.open(path, { mode, direct, dsync: true });
    if (file.direct) return new BatchFile(file);
    file.close();
    return new BatchFile(disk.open(path, { mode: "write" }));
  }

  /** `data`: whole blocks in aligned memory. `done` runs once it is durable, or with a failure. */
  write(data: Buffer, position: number, done: (failure: BatchFailure | null) => void): void {
    assertAligned(data, position);
    this.file.writeAsync(data, position, (error) => {
      if (error !== null) done({ full: isDiskFull(error), cause: error });
      else if (this.direct) done(null);
      else this.file.syncAsync((cause) => done(cause === null ? null : { full: false, cause }));
    });
  }

  /** As `write`, but nothing else runs meanwhile, and `done` runs in a microtask. */
  writeOnLoop(data: Buffer, position: number, done: (failure: BatchFailure | null) => void): void {
    assertAligned(data, position);
    let failure: BatchFailure | null = null;
    try {
      this.file.write(data, position);
    } catch (error) {
      failure = { full: isDiskFull(error), cause: error as Error };
    }
    try {
      if (failure === null && !this.direct) this.file.sync();
    } catch (error) {
      failure = { full: false, cause: error as Error };
    }
    void Promise.resolve(failure).then(done);
  }

  /** Durable when it returns. */
  writeNow(data: Buffer, position: number): void {
    assertAligned(data, position);
    this.file.write(data, position);
    this.file.sync();
  }

  /** Cuts the file, durably. */
  truncate(bytes: number): void {
    this.file.truncate(bytes);
    this.file.sync();
  }

  size(): number {
    return this.file.size();
  }

  close(): void {
    this.file.close();
  }
}
