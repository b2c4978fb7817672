/**
 * The files of a segment log on disk: makes, lists, recycles and removes them. Every step leaves a
 * directory that `surveyLog` judges good and that holds every durable entry, wherever a crash
 * falls between two calls of the disk:
 *
 * - A file gets its header under another name, then its own name, then its line in the manifest,
 *   and only then its first entry. So a file that is named has a good header, one that is listed
 *   exists, and one that is not listed is empty.
 * - A file leaves the manifest first, then its name.
 * - A file is written over only if all stale frames in it are of smaller numbers than its new one,
 *   and if it has no second name: a copy made by hard links is somebody's.
 * @module
 */
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import type { Disk, Scheduler } from "../../base/ports.ts";
import { BatchFile, isDiskFull } from "../../files/batchfile.ts";
import { blockBytes } from "../../files/framing.ts";
import { encodeFileHeader } from "../../files/header.ts";
import { encodeManifest } from "../../files/manifest.ts";
import { rewriteFrames } from "../../files/rewrite.ts";
import {
  encodeLogHeader,
  encodeLogState,
  freeFileName,
  type LogIdentity,
  type LogState,
  logFileKind,
  logFileName,
  logManifestKind,
  manifestName,
  temporaryName,
} from "./format.ts";
import type { SegmentLogLimits } from "./limits.ts";
import { type FreeFile, type LogFile, newFile, type Survey } from "./survey.ts";

/** A file that is or will be appended to. */
export interface OpenFile {
  readonly record: LogFile;
  readonly file: BatchFile;
  /** File offset below which all was written once, so that a write there extends nothing. */
  written: number;
  /** The disk was full when the file was extended ahead; not tried again in this file. */
  blocked: boolean;
}

export interface FilesOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly identity: LogIdentity;
  readonly limits: SegmentLogLimits;
  readonly scheduler: Scheduler;
  readonly survey: Survey;
}

export class SegmentFiles {
  /** All files in the manifest, in order; a prepared one at the end has first index 0. */
  readonly list: LogFile[];
  active: OpenFile | null = null;
  prepared: OpenFile | null = null;
  private readonly options: FilesOptions;
  private readonly header: Buffer;
  private free: FreeFile[];
  private readonly leftOver: string[];
  private state: LogState | null;
  /** The manifest that this life made durable last. */
  private manifest: Buffer | null = null;

  constructor(options: FilesOptions) {
    this.options = options;
    this.list = options.survey.files;
    const { survey } = options;
    this.state = survey.state;
    // A free file of a number still to come was put back from another life of this log.
    const { lastFile = 0, recycleFrom = 1 } = this.state ?? {};
    const usable = (file: FreeFile) => file.number <= lastFile && file.number >= recycleFrom;
    this.free = survey.free.filter(usable);
    // One that was retired just before a crash is not written over, it goes.
    const strange = survey.free.filter((file) => !usable(file));
    this.leftOver = [...survey.leftOver, ...strange.map((file) => file.path)];
    this.header = options.disk.alignedBuffer(blockBytes);
  }

  /** Index of the first entry that is kept. */
  get firstIndex(): number {
    return this.state === null ? 1 : this.state.firstIndex;
  }

  /** Bytes that the entries take, without what is prepared. */
  get bytes(): number {
    return this.list.reduce((sum, file) => sum + file.end, 0);
  }

  /** True while files from before the last `retire` are in the log. */
  get holdsRetired(): boolean {
    return this.state !== null && this.state.firstFile < this.state.recycleFrom;
  }

  /**
   * Begins a life of the log: a new active file. The last life's last batch may have reached the
   * file without being durable, or its sync may have failed; since it is served from now on, it is
   * written once more first. Every batch before it was durable before it was begun.
   * @param last - Last entry.
   */
  start(last: number): void {
    assert(this.active === null, "a log is started once");
    const { disk, directory, limits } = this.options;
    disk.makeDirectory(directory);
    const newest = this.list.findLast((file) => file.end > blockBytes);
    if (newest !== undefined && this.state?.clean === false) {
      const file = disk.open(newest.path, { mode: "write" });
      try {
        rewriteFrames(file, newest.seed, newest.lastFrame, newest.end);
      } finally {
        file.close();
      }
    }
    while (this.leftOver.length > 0) {
      disk.unlink(this.leftOver.at(-1)!);
      this.leftOver.pop();
    }
    this.trimFree(limits.freeFilesMax);
    // Free files are about to be written over: their old names must be gone for good.
    disk.syncDirectory(directory);
    this.prepare(last);
    this.advance(last);
  }

  /** Makes the next file, ready to be switched to. On a full disk nothing is left of it. */
  prepare(last: number): void {
    if (this.prepared !== null) return;
    const { disk, directory, identity, limits } = this.options;
    const number = (this.state?.lastFile ?? 0) + 1;
    const path = join(directory, logFileName(number));
    const reused = this.reusable(number);
    let source = reused ?? join(directory, temporaryName);
    if (reused === null && disk.status(source) !== null) disk.unlink(source);
    encodeFileHeader(logFileKind, encodeLogHeader(identity, number)).copy(this.header);
    let file: BatchFile | null = null;
    try {
      file = BatchFile.open(disk, source, reused === null ? "create" : "write", limits.direct);
      file.writeNow(this.header, 0);
      disk.rename(source, path);
      source = path;
      disk.syncDirectory(directory);
      this.writeState(last, { lastFile: number });
    } catch (error) {
      file?.close();
      if (isDiskFull(error) && disk.status(source) !== null) disk.unlink(source);
      throw error;
    }
    const record = newFile(number, path);
    this.list.push(record);
    const size = file.size();
    this.prepared = { record, file, written: size - (size % blockBytes), blocked: false };
  }

  /** Switches to the prepared file. Nothing may be in flight in the active one. */
  advance(last: number): void {
    assert(this.prepared !== null, "no file to switch to");
    this.active?.file.close();
    this.active = this.prepared;
    this.prepared = null;
    this.active.record.firstIndex = last + 1;
  }

  /** True if the active file holds, or may hold, bytes under a retired key. */
  get activeIsRetired(): boolean {
    if (this.active === null || this.state === null) return false;
    return this.active.record.number < this.state.recycleFrom;
  }

  /** Takes whole files out that hold only entries below `before`. */
  async truncate(before: number, last: number): Promise<void> {
    let gone = 0;
    while (this.removable(gone, before)) gone++;
    if (gone === 0) return;
    const first = this.list[gone]!;
    this.writeState(last, { firstFile: first.number, firstIndex: first.firstIndex });
    const free: FreeFile[] = [];
    for (const file of this.list.splice(0, gone)) await this.remove(file, free);
    // Before one is written over its old name must be gone for good.
    if (free.length > 0) this.options.disk.syncDirectory(this.options.directory);
    this.free.push(...free);
  }

  /** Deletes these of the free files. None is written over once this was called. */
  private async deleteFree(which: (file: FreeFile) => boolean): Promise<void> {
    const gone = this.free.filter(which);
    this.free = this.free.filter((file) => !gone.includes(file));
    for (const { path } of gone) await this.options.disk.unlinkInPieces(path);
  }

  private removable(at: number, before: number): boolean {
    const file = this.list[at];
    const following = this.list[at + 1];
    if (file === undefined || following === undefined) return false;
    if (file === this.active?.record || file.readers > 0) return false;
    return following.firstIndex > 0 && following.firstIndex <= before;
  }

  /** Deletes a file or, while there are few free ones, keeps it as one. */
  private async remove(file: LogFile, free: FreeFile[]): Promise<void> {
    const { disk, directory, limits } = this.options;
    assert(this.state !== null, "truncated before the start");
    const { bytes, links } = disk.status(file.path) ?? { bytes: 0, links: 1 };
    const worthKeeping = bytes * 2 >= limits.fileBytes && links <= 1;
    const room = this.free.length + free.length < limits.freeFilesMax;
    if (!worthKeeping || !room || file.number < this.state.recycleFrom) {
      await disk.unlinkInPieces(file.path);
      return;
    }
    const path = join(directory, freeFileName(file.number));
    disk.rename(file.path, path);
    free.push({ path, number: file.number });
    await this.options.scheduler.yieldNow();
  }

  /** No file that exists now is ever written over again: a log key was retired. */
  async retire(last: () => number): Promise<void> {
    // First, for that may be the room that the manifest needs.
    await this.deleteFree(() => true);
    this.forbidReuse(last());
  }

  /** The same, but the free files stay where they are until `deleteRetired`. */
  forbidReuse(last: number): void {
    assert(this.state !== null, "retired before the start");
    this.writeState(last, { recycleFrom: this.state.lastFile + 1 });
  }

  deleteRetired(): Promise<void> {
    return this.deleteFree((file) => !this.mayRecycle(file));
  }

  private mayRecycle(file: FreeFile): boolean {
    return file.number >= (this.state?.recycleFrom ?? 1);
  }

  /** Gives back the space of files that only wait for use. */
  releaseFree(): void {
    this.trimFree(0);
  }

  /** The end of a life: from now on exactly `last` must be found. */
  finish(last: number): void {
    this.writeState(last, { clean: true });
  }

  close(): void {
    this.active?.file.close();
    this.prepared?.file.close();
    this.active = null;
    this.prepared = null;
  }

  private trimFree(keep: number): void {
    while (this.free.length > keep) {
      this.options.disk.unlink(this.free.at(-1)!.path);
      this.free.pop();
    }
  }

  /** Path of a free file that may become number `number`, above all in it. */
  private reusable(number: number): string | null {
    const at = this.free.findIndex((one) => this.mayRecycle(one));
    const file = at < 0 ? undefined : this.free.splice(at, 1)[0];
    if (file === undefined) return null;
    assert(file.number < number, "stale frames of a number to come");
    const links = this.options.disk.status(file.path)?.links ?? 1;
    if (links <= 1) return file.path;
    // A copy was made since it became free. It keeps the bytes, under the name it gave them.
    this.options.disk.unlink(file.path);
    return this.reusable(number);
  }

  private writeState(last: number, change: Partial<LogState>): void {
    const { disk, directory, identity } = this.options;
    const before = this.state ?? { firstFile: 1, lastFile: 1, firstIndex: 1, recycleFrom: 1 };
    const state: LogState = { ...before, clean: false, durable: last, ...change };
    const path = join(directory, manifestName);
    const data = encodeManifest(logManifestKind, [encodeLogState(identity, state)], null);
    // What is durable is not written again: if that failed, the bytes there would tell nothing.
    if (this.manifest?.equals(data) === true) return;
    try {
      disk.replaceFile(path, data);
    } catch (error) {
      // A full disk is met before the old manifest is touched; anything else leaves it unknown.
      const replaced = disk.status(path) !== null && disk.readFile(path).equals(data);
      if (isDiskFull(error) && !replaced) throw error;
      throw new Error("it is unknown which manifest is durable", { cause: error });
    }
    this.state = state;
    this.manifest = data;
  }
}
