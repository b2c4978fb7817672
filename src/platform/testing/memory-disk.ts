/**
 * A disk in memory whose failures a test commands: a crash at any operation with every fate of what
 * was not synced, a full disk, failing calls, rotten bits. It implements the whole Disk port, so
 * that log, store and sidecar meet on it what they would meet on a real one.
 *
 * Counted operations: create, write, truncate, sync, rename, unlink, link, makeDirectory and
 * syncDirectory; `stopAfter(n)` lets n of them happen and throws CrashError from the n-th, which by
 * then may or may not be durable: `crash` decides. After that everything throws until `crash`.
 * Reading, and opening what is there, can be made to fail too, but is not counted.
 * @module
 */
import { dirname, resolve } from "node:path";
import type { Disk, DiskFile, FileLock, FileStatus, OpenOptions } from "../../base/ports.ts";
import { alignedBuffer, directAlignment } from "../aligned.ts";
import { readEach } from "../read-many.ts";
import { replaceFile } from "../replace.ts";
import { chooser } from "./chooser.ts";
import { diskError, MemoryFile } from "./memory-file.ts";
import { type CrashVariant, MemoryInode } from "./memory-inode.ts";
import { type Entry, MemoryTree } from "./memory-tree.ts";

export type { CrashVariant } from "./memory-inode.ts";

/** The machine stops here. Thrown by MemoryDisk at the operation that a test chose. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}

export type Operation =
  | "create"
  | "write"
  | "truncate"
  | "sync"
  | "rename"
  | "unlink"
  | "link"
  | "makeDirectory"
  | "syncDirectory";

/** What changes nothing, and so is not counted: opening a file that is there, and reading it. */
export type Access = "open" | "read";

export interface MemoryDiskOptions {
  /** Grants O_DIRECT and enforces its alignment. Default true. */
  readonly direct?: boolean;
  /** syncDirectory throws EINVAL, as on filesystems that lack it. Default false. */
  readonly noDirectorySync?: boolean;
}

/** Which paths, and of a read also which positions, a fault is for. */
type Match = (path: string, position: number) => boolean;

interface Fault {
  readonly operation: Operation | Access;
  readonly code: string;
  left: number;
  readonly match: Match;
}

export class MemoryDisk implements Disk {
  readonly descriptorsMax = Number.POSITIVE_INFINITY;
  #tree = new MemoryTree();
  #life = 0;
  #stopAt = Number.POSITIVE_INFINITY;
  #crashed = false;
  #faults: Fault[] = [];
  readonly #locks = new Set<string>();
  readonly options: MemoryDiskOptions;
  /** Counted operations since the disk was made or last crashed. */
  operations = 0;
  /** Bytes that all files together may have; writes beyond throw ENOSPC. */
  capacityBytes = Number.POSITIVE_INFINITY;

  constructor(options: MemoryDiskOptions = {}) {
    this.options = options;
  }

  /** The n-th counted operation from now is the last one of this life. */
  stopAfter(count: number): void {
    this.#stopAt = this.operations + count;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  /** The power fails and comes back: open files are dead, locks are free, faults are gone. */
  crash(variant: CrashVariant): void {
    this.#tree = this.#afterCrash(variant);
    this.#life++;
    this.#crashed = false;
    this.#stopAt = Number.POSITIVE_INFINITY;
    this.#faults = [];
    this.#locks.clear();
    this.operations = 0;
  }

  /** Another disk as this one would be found after a crash; this one is left as it is. */
  fork(variant: CrashVariant): MemoryDisk {
    const disk = new MemoryDisk(this.options);
    disk.#tree = this.#afterCrash(variant);
    return disk;
  }

  #afterCrash(variant: CrashVariant): MemoryTree {
    return this.#tree.afterCrash(variant, chooser(variant.kind === "torn" ? variant.seed : 0));
  }

  /** The next `times` such operations (on paths that match) throw `code` and change nothing. */
  fail(operation: Operation | Access, code: string, times = 1, match: Match = () => true): void {
    this.#faults.push({ operation, code, left: times, match });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  /** From now on these bits of a byte read flipped, until the byte is overwritten. */
  rot(path: string, position: number, mask = 1): void {
    this.#inode(path).rot(position, mask);
  }

  /** Every file's bytes as a reader sees them: for searches and comparisons. */
  contents(): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    for (const [path, entry] of this.#tree.names)
      if (entry instanceof MemoryInode) {
        const bytes = Buffer.alloc(entry.length);
        entry.read(bytes, 0);
        found.set(path, bytes);
      }
    return found;
  }

  /**
   * Runs one counted operation. It happens; then, if it is the last one of this life, the machine
   * stops: `lasting`, which makes it durable, is then left to the crash. `failing` is what a fault
   * leaves behind.
   */
  step(
    operation: Operation,
    path: string,
    happen: () => void,
    lasting: () => void,
    failing: () => void = () => {},
  ): void {
    this.checkAlive();
    const fault = this.#takeFault(operation, path);
    if (fault !== null) {
      failing();
      throw diskError(fault.code, path);
    }
    this.operations++;
    happen();
    if (this.operations >= this.#stopAt) {
      this.#crashed = true;
      throw new CrashError(`stopped at operation ${this.operations}, ${operation}`);
    }
    lasting();
  }

  #takeFault(operation: Operation | Access, path: string, position = 0): Fault | null {
    const fault = this.#faults.find(
      (one) => one.left > 0 && one.operation === operation && one.match(path, position),
    );
    if (fault === undefined) return null;
    fault.left--;
    return fault;
  }

  /** Throws if it is to fail. */
  access(kind: Access, path: string, position = 0): void {
    this.checkAlive();
    const fault = this.#takeFault(kind, path, position);
    if (fault !== null) throw diskError(fault.code, path);
  }

  checkAlive(): void {
    if (this.#crashed) throw new CrashError("the machine has stopped");
  }

  /** Counts the lives of this disk: a file of an earlier one is dead. */
  get life(): number {
    return this.#life;
  }

  /** Bytes that a file may still grow by. */
  get room(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return this.capacityBytes;
    return Math.max(0, this.capacityBytes - this.#tree.bytes());
  }

  #inode(path: string): MemoryInode {
    const entry = this.#tree.names.get(resolve(path));
    if (entry === undefined) throw diskError("ENOENT", path);
    if (entry === "directory") throw diskError("EISDIR", path);
    return entry;
  }

  #change(operation: Operation, path: string, happen: () => void): void {
    this.step(operation, path, happen, () => {});
  }

  #checkParent(path: string): void {
    if (this.#tree.names.get(dirname(path)) !== "directory") throw diskError("ENOENT", path);
  }

  open(given: string, options: OpenOptions): DiskFile {
    const path = resolve(given);
    this.checkAlive();
    if (options.mode === "create") {
      this.#checkParent(path);
      if (this.#tree.names.has(path)) throw diskError("EEXIST", path);
      this.#change("create", path, () => this.#tree.add(path, new MemoryInode()));
    } else this.access("open", path);
    const direct = options.direct === true && this.options.direct !== false;
    return new MemoryFile(this, path, this.#inode(path), { ...options, direct });
  }

  readMany(files: readonly DiskFile[], target: Uint8Array, rows: Uint32Array, count: number): void {
    readEach(files, target, rows, count);
  }

  list(given: string): string[] {
    this.checkAlive();
    const directory = resolve(given);
    return [...this.#tree.names.keys()]
      .filter((path) => path !== "/" && dirname(path) === directory)
      .map((path) => path.slice(directory === "/" ? 1 : directory.length + 1))
      .sort();
  }

  status(path: string): FileStatus | null {
    this.checkAlive();
    const entry = this.#tree.names.get(resolve(path));
    if (entry === undefined) return null;
    if (entry === "directory") return { kind: "directory", bytes: 0, mode: 0o700, links: 1 };
    const links = [...this.#tree.names.values()].filter((other) => other === entry).length;
    return { kind: "file", bytes: entry.length, mode: 0o600, links };
  }

  makeDirectory(given: string): void {
    const path = resolve(given);
    if (this.#tree.names.get(path) === "directory") return;
    this.makeDirectory(dirname(path));
    this.#change("makeDirectory", path, () => this.#tree.add(path, "directory"));
    if (this.options.noDirectorySync !== true) this.syncDirectory(dirname(path));
  }

  rename(givenFrom: string, givenTo: string): void {
    const [from, to] = [resolve(givenFrom), resolve(givenTo)];
    // Nothing here moves directories: their children would have to move with them.
    if (this.#existing(from) === "directory") throw diskError("EISDIR", from);
    if (this.#tree.names.get(to) === "directory") throw diskError("EISDIR", to);
    this.#checkParent(to);
    this.#change("rename", to, () => this.#tree.move(from, to));
  }

  unlink(given: string): void {
    const path = resolve(given);
    this.#inode(path);
    this.#change("unlink", path, () => this.#tree.remove(path));
  }

  removeDirectory(given: string): void {
    const path = resolve(given);
    if (this.#existing(path) !== "directory") throw diskError("ENOTDIR", path);
    if (this.list(path).length > 0) throw diskError("ENOTEMPTY", path);
    this.#change("unlink", path, () => this.#tree.remove(path));
  }

  link(from: string, givenTo: string): void {
    const to = resolve(givenTo);
    const inode = this.#inode(from);
    this.#checkParent(to);
    if (this.#tree.names.has(to)) throw diskError("EEXIST", to);
    this.#change("link", to, () => this.#tree.add(to, inode));
  }

  #existing(path: string): Entry {
    this.checkAlive();
    const entry = this.#tree.names.get(path);
    if (entry === undefined) throw diskError("ENOENT", path);
    return entry;
  }

  syncDirectory(given: string): void {
    const directory = resolve(given);
    if (this.#existing(directory) !== "directory") throw diskError("ENOTDIR", directory);
    if (this.options.noDirectorySync === true) throw diskError("EINVAL", directory);
    this.step(
      "syncDirectory",
      directory,
      () => {},
      () => this.#tree.sync(directory),
    );
  }

  readFile(path: string): Buffer {
    this.access("read", resolve(path));
    const inode = this.#inode(path);
    const bytes = Buffer.alloc(inode.length);
    inode.read(bytes, 0);
    return bytes;
  }

  replaceFile(path: string, data: Uint8Array): void {
    replaceFile(this, path, data);
  }

  /** What else is ready runs before what is done later, in one go; after a crash it is not done. */
  async #later(): Promise<void> {
    const life = this.#life;
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (life !== this.#life) throw new CrashError("of a life before this one");
  }

  async replaceFileAsync(path: string, data: Uint8Array): Promise<void> {
    await this.#later();
    this.replaceFile(path, data);
  }

  async unlinkInPieces(path: string): Promise<void> {
    await this.#later();
    const file = this.open(path, { mode: "write" });
    if (this.status(path)?.links === 1)
      file.truncate(Math.max(Math.min(file.size(), 4096), file.size() >>> 1));
    file.close();
    this.unlink(path);
  }

  lock(given: string, mode?: "existing"): FileLock | null {
    const path = resolve(given);
    this.checkAlive();
    if (this.#locks.has(path)) return null;
    if (mode === "existing") this.#inode(path);
    const made = !this.#tree.names.has(path);
    if (made) this.open(path, { mode: "create" }).close();
    this.#locks.add(path);
    const life = this.#life;
    let held = true;
    const release = (): void => {
      if (held && life === this.#life) this.#locks.delete(path);
      held = false;
    };
    const remove = (): void => {
      if (held && life === this.#life) this.unlink(path);
      release();
    };
    return { made, release, remove };
  }

  alignedBuffer(bytes: number): Buffer {
    return alignedBuffer(bytes);
  }

  giveBack(buffer: Buffer): boolean {
    buffer.fill(0xdd);
    return true;
  }

  freeBytes(_directory: string): number {
    const room = Math.min(this.room, Number.MAX_SAFE_INTEGER);
    return room - (room % directAlignment);
  }
}
