/**
 * The ports through which the house meets the world: clocks, randomness, files. Everything that
 * must be deterministic or testable under faults takes them as parameters; `platform` implements
 * them on Node, tests implement them in memory.
 * @module
 */

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Monotonic milliseconds, fractional, for durations. */
  monotonicMs(): number;
  /** Milliseconds since the machine was started; goes on while it sleeps. Coarse: 10 ms. */
  sinceBootMs(): number;
}

export interface Random {
  /** Cryptographically secure bytes in a new buffer of its own. */
  bytes(length: number): Buffer;
}

export interface Scheduler {
  /** Resolves after other pending work of the event loop had its turn. */
  yieldNow(): Promise<void>;
  /** Resolves after about `ms` milliseconds. Does not keep the process alive. */
  delay(ms: number): Promise<void>;
}

export interface OpenOptions {
  /** `read`: must exist. `create`: must not exist (O_EXCL, mode 0600). `write`: must exist. */
  readonly mode: "read" | "create" | "write";
  /** Ask for O_DIRECT; the file tells whether it was granted. */
  readonly direct?: boolean;
  /** Every write is durable when it returns (O_DSYNC). */
  readonly dsync?: boolean;
}

/**
 * An open file. Writes are whole or throw. With `direct`, positions and lengths are multiples of
 * 4096 and buffers page-aligned (see `Disk.alignedBuffer`).
 */
export interface DiskFile {
  readonly path: string;
  readonly direct: boolean;
  /** Descriptor, for native batch reads; -1 where there is none (tests). */
  readonly fd: number;
  /** Reads at `position` until `target` is full or the file ends; returns the bytes read. */
  read(target: Uint8Array, position: number): number;
  /**
   * Fills `target` if the kernel's cache holds all of it. False: it must be waited for, or is not
   * there, and `read` tells. A disk that does not know reads at once.
   */
  readCached(target: Uint8Array, position: number): boolean;
  /**
   * Brings a range into the kernel's cache, read from front to back as by one sequential reader.
   * Only for files that are not `direct`: their reads pass the cache by.
   */
  warm(position: number, length: number): void;
  write(data: Uint8Array, position: number): void;
  writeAsync(data: Uint8Array, position: number, done: (error: Error | null) => void): void;
  /** fdatasync. A failure is fatal for the writer: what is durable is unknown. */
  sync(): void;
  syncAsync(done: (error: Error | null) => void): void;
  truncate(bytes: number): void;
  size(): number;
  close(): void;
}

/** Integers of a row of `Disk.readMany`. */
export const readRow = 5;

export interface FileStatus {
  readonly kind: "file" | "directory" | "other";
  readonly bytes: number;
  /** Permission bits. */
  readonly mode: number;
  /** Names that a file has: more than 1 if hard links were made. */
  readonly links: number;
}

/** Files and directories. Directories are made 0700, files 0600. Errors are Node's, with `code`. */
/** An exclusive lock on a file, held. */
export interface FileLock {
  /** True if the file was not there before. */
  readonly made: boolean;
  release(): void;
  /** Takes the file away and releases it: whoever waits for it takes the lock of a new one. */
  remove(): void;
}

export interface Disk {
  /** Descriptors that the process may have, for files and everything else; Infinity: no limit. */
  readonly descriptorsMax: number;
  open(path: string, options: OpenOptions): DiskFile;
  /**
   * Reads row n of `rows` from `files[n]` into `target`, for all n below `count`: a row is `room,
   * at, length, position, result`, in `readRow` integers. The disk uses the first as it likes, and
   * leaves 1 there if it had to wait (as far as it knows), else 0; it sets the last to `length` if
   * so much was read; anything else is explained by reading alone.
   */
  readMany(files: readonly DiskFile[], target: Uint8Array, rows: Uint32Array, count: number): void;
  /** Names in a directory, sorted; [] if it does not exist. */
  list(directory: string): string[];
  status(path: string): FileStatus | null;
  makeDirectory(path: string): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Of an empty one; any other throws. */
  removeDirectory(path: string): void;
  /**
   * The same, while everything else goes on: the file is cut bit by bit first, for to give back a
   * large one at once holds up whoever writes durably. Its first 4 KiB stay to the end, since a
   * crash may bring it back. Nobody may read it any more; what has other names stays whole there.
   */
  unlinkInPieces(path: string): Promise<void>;
  link(from: string, to: string): void;
  /** fsync of the directory: makes names in it durable. Throws where it is not supported. */
  syncDirectory(directory: string): void;
  readFile(path: string): Buffer;
  /** `<path>.tmp` (O_EXCL after removing a stale one), fsync, rename, directory fsync. */
  replaceFile(path: string, data: Uint8Array): void;
  /** The same, while everything else goes on. One at a time for a path. */
  replaceFileAsync(path: string, data: Uint8Array): Promise<void>;
  /**
   * Exclusive lock of the kernel (flock) on a file, released at death; null if it is held.
   * @param mode - `existing`: the file is not made, and need not be writable.
   */
  lock(path: string, mode?: "existing"): FileLock | null;
  /** Page-aligned, zeroed memory outside the JavaScript heap, shareable with workers. */
  alignedBuffer(bytes: number): Buffer;
  /**
   * Gives the memory of an aligned buffer, which is shared and waits for the garbage collector of
   * each thread, back to the system at once. Nobody may use what it held any more. False: it
   * waits for the collector.
   */
  giveBack(buffer: Buffer): boolean;
  freeBytes(directory: string): number;
}
