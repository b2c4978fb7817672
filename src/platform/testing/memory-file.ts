/**
 * An open file of MemoryDisk. Enforces what O_DIRECT enforces, so that a misaligned write fails
 * here as it would on a real disk, and not only there.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { DiskFile, OpenOptions } from "../../base/ports.ts";
import { directAlignment } from "../aligned.ts";
import type { MemoryDisk } from "./memory-disk.ts";
import { type MemoryInode, sectorBytes } from "./memory-inode.ts";

/** An error in the shape of Node's own. */
export function diskError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

export class MemoryFile implements DiskFile {
  readonly path: string;
  readonly direct: boolean;
  readonly fd = -1;
  readonly #disk: MemoryDisk;
  readonly #inode: MemoryInode;
  readonly #options: OpenOptions;
  readonly #life: number;
  #open = true;

  constructor(disk: MemoryDisk, path: string, inode: MemoryInode, options: OpenOptions) {
    this.path = path;
    this.direct = options.direct === true;
    this.#disk = disk;
    this.#inode = inode;
    this.#options = options;
    this.#life = disk.life;
  }

  #check(): void {
    assert(this.#open, "use of a closed file");
    this.#disk.checkAlive();
    if (this.#life !== this.#disk.life) throw diskError("EBADF", this.path);
  }

  #checkWritable(): void {
    this.#check();
    if (this.#options.mode === "read") throw diskError("EBADF", this.path);
  }

  #checkAligned(data: Uint8Array, position: number): void {
    if (!this.direct) return;
    const shared = data.buffer instanceof SharedArrayBuffer && data.buffer.growable;
    const offsets = [data.byteOffset, data.length, position];
    if (!shared || offsets.some((offset) => offset % directAlignment !== 0))
      throw diskError("EINVAL", this.path);
  }

  read(target: Uint8Array, position: number): number {
    this.#check();
    this.#checkAligned(target, position);
    this.#disk.access("read", this.path, position);
    return this.#inode.read(target, position);
  }

  readCached(target: Uint8Array, position: number): boolean {
    return this.read(target, position) === target.length;
  }

  warm(): void {
    this.#check();
    assert(!this.direct, "direct reads pass the cache by");
  }

  write(data: Uint8Array, position: number): void {
    this.#checkWritable();
    this.#checkAligned(data, position);
    const growth = position + data.length - this.#inode.length;
    const room = this.#disk.room;
    if (growth > room) {
      this.#writeWhatFits(data, position, data.length - growth + room);
      throw diskError("ENOSPC", this.path);
    }
    this.#write(data, position);
  }

  /** A full disk takes a part, in whole sectors, before it refuses. */
  #writeWhatFits(data: Uint8Array, position: number, bytes: number): void {
    const fitting = bytes - (bytes % sectorBytes);
    if (fitting > 0) this.#write(data.subarray(0, fitting), position);
  }

  #write(data: Uint8Array, position: number): void {
    const happen = () => this.#inode.write(data, position);
    const lasting = () => {
      if (this.#options.dsync === true) this.#inode.syncLatest();
    };
    this.#disk.step("write", this.path, happen, lasting);
  }

  writeAsync(data: Uint8Array, position: number, done: (error: Error | null) => void): void {
    this.#later(() => this.write(data, position), done);
  }

  sync(): void {
    this.#check();
    this.#disk.step(
      "sync",
      this.path,
      () => {},
      () => this.#inode.sync(),
      () => this.#inode.failSync(),
    );
  }

  syncAsync(done: (error: Error | null) => void): void {
    this.#later(() => this.sync(), done);
  }

  /** Happens, in order, after the caller's turn, as a thread of the pool would do it. */
  #later(happen: () => void, done: (error: Error | null) => void): void {
    this.#check();
    setImmediate(() => {
      try {
        happen();
      } catch (error) {
        done(error as Error);
        return;
      }
      done(null);
    });
  }

  truncate(bytes: number): void {
    this.#checkWritable();
    this.#disk.step(
      "truncate",
      this.path,
      () => this.#inode.truncate(bytes),
      () => {},
    );
  }

  size(): number {
    this.#check();
    return this.#inode.length;
  }

  close(): void {
    this.#open = false;
  }
}
