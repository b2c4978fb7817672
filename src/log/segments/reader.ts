/**
 * Reads entries back, file after file, in order. What was durable when the reading began is
 * returned whole or an error is thrown: never a gap.
 * @module
 */

import type { LogIndex } from "../../base/brand.ts";
import { ByteReader } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { FrameScanner } from "../../files/scanner.ts";
import type { LogEntry } from "../log.ts";
import { batchHeaderBytes } from "./format.ts";
import { type LogFile, readBatch } from "./survey.ts";

/**
 * @param files - The log's files, in order; they may be added to while reading.
 * @param from - Not below the first file's first index.
 * @param to - Not above the last durable entry.
 */
export function* readEntries(
  disk: Disk,
  files: readonly LogFile[],
  from: number,
  to: number,
): Generator<LogEntry> {
  let next = from;
  while (next <= to) {
    const file = fileWith(files, next);
    const before = next;
    file.readers++;
    try {
      for (const entry of readFile(disk, file, next, to)) {
        next = entry.index + 1;
        yield entry;
      }
    } finally {
      file.readers--;
    }
    if (next === before)
      throw new StrongroomError("FILE_FRAME_DAMAGED", `${file.path}: entry ${next} is not there`);
  }
}

/** The file in which entry `index` stands: the last one that begins at or below it. */
function fileWith(files: readonly LogFile[], index: number): LogFile {
  let found: LogFile | null = null;
  for (const file of files) if (file.firstIndex > 0 && file.firstIndex <= index) found = file;
  if (found === null) throw new StrongroomError("LOG_TRUNCATED", `entry ${index}`);
  return found;
}

function* readFile(disk: Disk, file: LogFile, from: number, to: number): Generator<LogEntry> {
  const handle = disk.open(file.path, { mode: "read" });
  try {
    const scanner = new FrameScanner(handle, { seed: file.seed, end: file.end });
    let next = file.firstIndex;
    while (next <= to && scanner.next()) {
      const { index, count } = readBatch(scanner, file.path);
      if (index !== next)
        throw new StrongroomError("LOG_ENTRIES_MISSING", `${file.path}: no entry ${next}`);
      const bodyEnd = scanner.bodyAt + scanner.bodyLength;
      const reader = new ByteReader(scanner.buffer, scanner.bodyAt + batchHeaderBytes, bodyEnd);
      for (let n = 0; n < count && next <= to; n++, next++) {
        const entry = reader.bytes(reader.u32());
        if (next >= from) yield { index: next as LogIndex, entry };
      }
    }
  } finally {
    handle.close();
  }
}
