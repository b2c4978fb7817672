/**
 * The Disk port on Node's files. The hazards: a name that is not durable because its directory was
 * not synced, direct I/O that a filesystem promises and then refuses, and two processes on one
 * directory. open(2), fsync(2), rename(2), flock(2).
 * @module
 */
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import {
  type Disk,
  type DiskFile,
  type FileLock,
  type FileStatus,
  type OpenOptions,
  readRow,
} from "../base/ports.ts";
import { alignedBuffer, directAlignment } from "./aligned.ts";
import { checkTable } from "./bounds.ts";
import { descriptorsMax } from "./descriptors.ts";
import { lockFile } from "./lock.ts";
import { loadNative, type NativeAddon } from "./native.ts";
import { NodeFile } from "./node-file.ts";
import { readEach } from "./read-many.ts";
import { replaceFile, replaceFileAsync } from "./replace.ts";
import { unlinkInPieces } from "./unlink.ts";

const directoryMode = 0o700;
const fileMode = 0o600;
/** Linux only; elsewhere direct I/O is not asked for. */
const directFlag = constants.O_DIRECT ?? 0;
/** A block of aligned memory for the proof that direct reads work on a file. */
const probe = alignedBuffer(directAlignment);

export class NodeDisk implements Disk {
  readonly descriptorsMax = descriptorsMax();
  readonly #native: NativeAddon | null;

  constructor(native: NativeAddon | null = loadNative()) {
    this.#native = native;
  }

  open(path: string, options: OpenOptions): DiskFile {
    let flags = options.mode === "read" ? constants.O_RDONLY : constants.O_RDWR;
    if (options.mode === "create") flags |= constants.O_CREAT | constants.O_EXCL;
    if (options.dsync === true) flags |= constants.O_DSYNC;
    if (options.direct === true && directFlag !== 0) {
      const fd = openDirect(path, flags);
      if (fd >= 0) return new NodeFile(path, fd, true, this.#native);
      // The refused attempt may have made the file (open(2): O_DIRECT on tmpfs before Linux 6.6).
      flags &= ~constants.O_EXCL;
    }
    return new NodeFile(path, openSync(path, flags, fileMode), false, this.#native);
  }

  readMany(files: readonly DiskFile[], target: Uint8Array, rows: Uint32Array, count: number): void {
    if (this.#native === null) {
      readEach(files, target, rows, count);
      return;
    }
    checkTable(rows, count, readRow);
    for (let n = 0; n < count; n++) rows[n * readRow] = (files[n] as NodeFile).openFd;
    this.#native.preadMany(target, rows, count);
  }

  list(directory: string): string[] {
    try {
      return readdirSync(directory).sort();
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    }
  }

  status(path: string): FileStatus | null {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return null;
    const kind = found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
    return { kind, bytes: found.size, mode: found.mode & 0o7777, links: found.nlink };
  }

  makeDirectory(path: string): void {
    // A link to a directory is one: data directories are often moved to another disk that way.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const parent = dirname(path);
    if (parent !== path) this.makeDirectory(parent);
    mkdirSync(path, { mode: directoryMode });
    try {
      this.syncDirectory(parent);
    } catch (error) {
      // A filesystem without directory fsync is judged by whoever asks syncDirectory for it; a
      // parent that we may pass but not read (EACCES) belongs to somebody else.
      if (!["EINVAL", "ENOTSUP", "EACCES"].includes(codeOf(error))) throw error;
    }
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  unlink(path: string): void {
    unlinkSync(path);
  }

  removeDirectory(path: string): void {
    rmdirSync(path);
  }

  unlinkInPieces(path: string): Promise<void> {
    return unlinkInPieces(path);
  }

  link(from: string, to: string): void {
    linkSync(from, to);
  }

  syncDirectory(directory: string): void {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  readFile(path: string): Buffer {
    return readFileSync(path);
  }

  replaceFile(path: string, data: Uint8Array): void {
    replaceFile(this, path, data);
  }

  replaceFileAsync(path: string, data: Uint8Array): Promise<void> {
    return replaceFileAsync(path, data, fileMode);
  }

  lock(path: string, mode?: "existing"): FileLock | null {
    return lockFile(path, this.#native, mode);
  }

  alignedBuffer(bytes: number): Buffer {
    return alignedBuffer(bytes);
  }

  giveBack(buffer: Buffer): boolean {
    return this.#native?.pagesGiveBack(buffer) === 0;
  }

  freeBytes(directory: string): number {
    const found = statfsSync(directory);
    return found.bavail * found.bsize;
  }
}

/** A descriptor on which a direct read worked, or -1 where direct I/O is not to be had. */
function openDirect(path: string, flags: number): number {
  let fd = -1;
  try {
    fd = openSync(path, flags | directFlag, fileMode);
    readSync(fd, probe, 0, directAlignment, 0);
    return fd;
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    if (codeOf(error) !== "EINVAL" && codeOf(error) !== "ENOTSUP") throw error;
    return -1;
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | null)?.code ?? "");
}
