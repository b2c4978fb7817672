/**
 * An open file of NodeDisk. Writes are whole or fail: a short write (a full disk, a signal) is
 * carried on until everything is written or the kernel says why not.
 * @module
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  readSync,
  write,
  writeSync,
} from "node:fs";
import { getSystemErrorName } from "node:util";
import { assert } from "../base/assert.ts";
import type { DiskFile } from "../base/ports.ts";
import type { NativeAddon } from "./native.ts";

/** Usual readahead of Linux. */
const warmBytes = 128 * 1024;

/** An error of the addon in the shape of Node's own. */
export function systemError(errno: number, call: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${code}: ${call} failed`), { code, errno, syscall: call });
}

export class NodeFile implements DiskFile {
  readonly path: string;
  readonly fd: number;
  readonly direct: boolean;
  readonly #native: NativeAddon | null;
  #open = true;

  constructor(path: string, fd: number, direct: boolean, native: NativeAddon | null) {
    this.path = path;
    this.fd = fd;
    this.direct = direct;
    this.#native = native;
  }

  /** The descriptor, which another file may have once this one is closed. */
  get openFd(): number {
    assert(this.#open, "read of a closed file");
    return this.fd;
  }

  read(target: Uint8Array, position: number): number {
    assert(this.#open, "read of a closed file");
    let done = 0;
    while (done < target.length) {
      const bytes = this.#readSome(target, done, position + done);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  readCached(target: Uint8Array, position: number): boolean {
    assert(this.#open, "read of a closed file");
    const { length } = target;
    if (this.#native === null) return this.read(target, position) === length;
    return this.#native.preadCached(this.fd, target, 0, length, position) === length;
  }

  #readSome(target: Uint8Array, at: number, position: number): number {
    const length = target.length - at;
    if (this.#native === null) return readSync(this.fd, target, at, length, position);
    const bytes = this.#native.pread(this.fd, target, at, length, position);
    if (bytes < 0) throw systemError(bytes, "pread");
    return bytes;
  }

  warm(position: number, length: number): void {
    assert(this.#open, "read of a closed file");
    if (this.#native !== null && this.#native.warm(this.fd, position, length) === 0) return;
    const target = Buffer.allocUnsafeSlow(Math.min(warmBytes, length));
    const end = position + length;
    for (let at = position, bytes = 1; at < end && bytes > 0; at += bytes)
      bytes = readSync(this.fd, target, 0, Math.min(target.length, end - at), at);
  }

  write(data: Uint8Array, position: number): void {
    assert(this.#open, "write to a closed file");
    let done = 0;
    while (done < data.length)
      done += writeSync(this.fd, data, done, data.length - done, position + done);
  }

  writeAsync(data: Uint8Array, position: number, done: (error: Error | null) => void): void {
    assert(this.#open, "write to a closed file");
    this.#writeFrom(data, 0, position, done);
  }

  #writeFrom(
    data: Uint8Array,
    at: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    write(this.fd, data, at, data.length - at, position + at, (error, bytes) => {
      if (error !== null) done(error);
      else if (at + bytes >= data.length) done(null);
      else this.#writeFrom(data, at + bytes, position, done);
    });
  }

  sync(): void {
    fdatasyncSync(this.fd);
  }

  syncAsync(done: (error: Error | null) => void): void {
    fdatasync(this.fd, done);
  }

  truncate(bytes: number): void {
    ftruncateSync(this.fd, bytes);
  }

  size(): number {
    return fstatSync(this.fd).size;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}
