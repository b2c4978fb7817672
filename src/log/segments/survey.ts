/**
 * Judges what lies in the log's directory before anything is changed: reads only, and either
 * returns a log whose every durable entry is there, or throws.
 *
 * What is refused, and how it is seen: a missing file (the manifest names first and last, all
 * between must exist); a file under another's name, of another cluster or group (its header); an
 * old or missing manifest (a file beyond its last that has entries); damage (frames); an old copy
 * of a file, a cut end (indexes must go on from file to file, and reach what the manifest says was
 * durable; after a clean close exactly that). Only the end of the last life's last file, behind
 * everything that later frames or the manifest vouch for, may be torn.
 * @module
 */
import { join } from "node:path";
import { readRounded64 } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { blockBytes, fileSeed } from "../../files/framing.ts";
import { decodeFileHeader, readHeaderBlock } from "../../files/header.ts";
import { readManifest } from "../../files/manifest.ts";
import { FrameScanner } from "../../files/scanner.ts";
import {
  batchHeaderBytes,
  decodeLogHeader,
  decodeLogState,
  entryHeaderBytes,
  type LogIdentity,
  type LogState,
  logFileKind,
  logFileName,
  logManifestKind,
  manifestName,
  parseFileName,
} from "./format.ts";
import { FileUsage } from "./usage.ts";

/** A file of the log, in memory. */
export interface LogFile {
  readonly number: number;
  readonly path: string;
  readonly seed: number;
  /** Index of its first entry, or of the next one while it has none. */
  firstIndex: number;
  /** File offset of the last frame that the survey found; where none is, of the first block. */
  lastFrame: number;
  /** File offset behind the last durable frame. */
  end: number;
  /** Iterations that are reading it; it is not truncated meanwhile. */
  readers: number;
  readonly usage: FileUsage;
}

/** A truncated file that can be written over. */
export interface FreeFile {
  readonly path: string;
  /** Number in its header. All stale frames in it are of this number or smaller ones. */
  readonly number: number;
}

export interface Survey {
  /** null: a new log. */
  readonly state: LogState | null;
  /** As the manifest lists them, in order. */
  readonly files: LogFile[];
  /** Last entry found; first - 1 if there is none. */
  readonly last: number;
  readonly free: FreeFile[];
  /** Paths of left-over files without anything that counts. */
  readonly leftOver: string[];
}

/** @throws LOG_*, FILE_*, FORMAT_*; nothing on disk is changed in any case. */
export function surveyLog(disk: Disk, directory: string, identity: LogIdentity): Survey {
  const present = new Set<number>();
  const free: FreeFile[] = [];
  const leftOver: string[] = [];
  for (const name of disk.list(directory)) {
    const named = parseFileName(name);
    const path = join(directory, name);
    if (named.kind === "unknown" || disk.status(path)?.kind !== "file")
      throw new StrongroomError("LOG_FILE_UNKNOWN", path);
    if (named.kind === "temporary") leftOver.push(path);
    if (named.kind === "log") present.add(named.number);
    if (named.kind === "free") {
      const number = freeNumber(disk, path, identity);
      if (number === 0) leftOver.push(path);
      else free.push({ path, number });
    }
  }
  const state = readState(disk, directory, identity);
  const firstFile = state === null ? 1 : state.firstFile;
  const lastFile = state === null ? 0 : state.lastFile;
  for (let number = firstFile; number <= lastFile; number++)
    if (!present.has(number))
      throw new StrongroomError("LOG_FILE_MISSING", join(directory, logFileName(number)));
  const files: LogFile[] = [];
  let next = state === null ? 1 : state.firstIndex;
  for (const number of [...present].sort((one, other) => one - other)) {
    const file = openedFile(disk, directory, identity, number);
    const listed = number >= firstFile && number <= lastFile;
    if (listed) next = scanFile(disk, file, next);
    if (listed) files.push(file);
    else leftOver.push(judgeUnlisted(disk, file, state, next));
  }
  if (state !== null) judgeEnd(state, next - 1, directory);
  return { state, files, last: next - 1, free, leftOver };
}

function readState(disk: Disk, directory: string, identity: LogIdentity): LogState | null {
  const path = join(directory, manifestName);
  const damaged = () => new StrongroomError("FILE_MANIFEST_DAMAGED", path);
  const manifest = readManifest(disk, path, logManifestKind, () => {
    throw damaged();
  });
  if (manifest === null) return null;
  if (manifest.entries.length !== 1) throw damaged();
  return decodeLogState(identity, manifest.entries[0]!, path);
}

function readHeader(disk: Disk, path: string, identity: LogIdentity): number {
  const body = decodeFileHeader(logFileKind, readHeaderBlock(disk, path), path);
  return decodeLogHeader(identity, body, path);
}

/** The number in a free file's header; 0 if it is not known what may be in the file. */
function freeNumber(disk: Disk, path: string, identity: LogIdentity): number {
  try {
    return readHeader(disk, path, identity);
  } catch (error) {
    if (error instanceof StrongroomError) return 0;
    throw error;
  }
}

function openedFile(disk: Disk, directory: string, identity: LogIdentity, number: number): LogFile {
  const path = join(directory, logFileName(number));
  const inside = readHeader(disk, path, identity);
  if (inside !== number)
    throw new StrongroomError("LOG_FILE_FOREIGN", `${path} is number ${inside} inside`);
  return newFile(number, path);
}

/** A file without entries. */
export function newFile(number: number, path: string): LogFile {
  const [lastFrame, end] = [blockBytes, blockBytes];
  const usage = new FileUsage();
  return { number, path, seed: fileSeed(number), firstIndex: 0, lastFrame, end, readers: 0, usage };
}

/** Fills in first index, last frame and end. Returns the index after the file's last entry. */
function scanFile(disk: Disk, file: LogFile, firstIndex: number): number {
  const handle = disk.open(file.path, { mode: "read" });
  try {
    const scanner = new FrameScanner(handle, { seed: file.seed });
    file.firstIndex = firstIndex;
    let next = firstIndex;
    while (scanner.next()) {
      const { index, count } = readBatch(scanner, file.path);
      if (index !== next)
        throw new StrongroomError(
          "LOG_ENTRIES_MISSING",
          `${file.path} at offset ${scanner.position} goes on with entry ${index}, not ${next}`,
        );
      file.usage.add(scanner.buffer, scanner.bodyAt + batchHeaderBytes, count);
      next += count;
      file.lastFrame = scanner.position;
    }
    file.end = scanner.end;
    return next;
  } finally {
    handle.close();
  }
}

/**
 * First index and count of the frame that the scanner found in the file at `path`.
 * @throws FORMAT_TRUNCATED, FORMAT_TRAILING unless so many entries fill its body exactly.
 */
export function readBatch(scanner: FrameScanner, path: string): { index: number; count: number } {
  const { buffer, bodyAt, bodyLength, position } = scanner;
  const refusal = (code: "FORMAT_TRUNCATED" | "FORMAT_TRAILING") =>
    new StrongroomError(code, `${path}: the batch at offset ${position}`);
  const end = bodyAt + bodyLength;
  let at = bodyAt + batchHeaderBytes;
  if (at > end) throw refusal("FORMAT_TRUNCATED");
  const index = readRounded64(buffer, bodyAt);
  const count = buffer.readUInt32BE(bodyAt + 8);
  for (let n = 0; n < count; n++) {
    const entry = at + entryHeaderBytes;
    at = entry > end ? entry : entry + buffer.readUInt32BE(at);
    if (at > end) throw refusal("FORMAT_TRUNCATED");
  }
  if (at < end) throw refusal("FORMAT_TRAILING");
  return { index, count };
}

/** A file that the manifest does not list: truncated away, or made and not yet listed. */
function judgeUnlisted(disk: Disk, file: LogFile, state: LogState | null, next: number): string {
  if (state !== null && file.number < state.firstFile) return file.path;
  const expected = state === null ? 1 : state.lastFile + 1;
  const empty = file.number === expected && scanFile(disk, file, next) === next;
  if (empty) return file.path;
  throw new StrongroomError(
    state === null ? "LOG_MANIFEST_MISSING" : "LOG_MANIFEST_OLD",
    `${file.path} is not in the manifest`,
  );
}

function judgeEnd(state: LogState, last: number, directory: string): void {
  const enough = state.clean ? last === state.durable : last >= state.durable;
  if (!enough)
    throw new StrongroomError(
      "LOG_ENTRIES_MISSING",
      `${directory}: the last entry found is ${last}, entry ${state.durable} was durable`,
    );
}
