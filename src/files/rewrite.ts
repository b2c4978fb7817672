/**
 * Makes durable what the last process wrote and this one found. A sync proves nothing of it: one
 * that failed in the last life took its writes for done, and what the page cache still shows of
 * them is lost with the power though every later sync succeeds (fsync(2), ERRORS). Only written
 * once more does it reach the disk. The same bytes go to the same places, so a crash in the middle
 * changes nothing, and nothing is sealed again.
 * @module
 */
import { letGo } from "../base/bytes.ts";
import type { DiskFile } from "../base/ports.ts";
import { FrameScanner } from "./scanner.ts";

/** Read and written at once: a run of the store may be large. */
const pieceBytes = 1024 * 1024;

/**
 * Writes the whole frames of [from, end) once more, durably: both block boundaries, nothing but
 * frames between them.
 * @param file - Open for writing through the page cache, where the frames were found.
 * @param seed - `fileSeed` of the file's number.
 * @throws Node's errors, or that a frame is gone: the cache may drop what is not on the disk.
 */
export function rewriteFrames(file: DiskFile, seed: number, from: number, end: number): void {
  const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, end - from));
  for (let at = from; at < end; at += piece.length) {
    const bytes = file.read(piece.subarray(0, end - at), at);
    // Behind the last frame the padding may be missing.
    if (bytes > 0) file.write(piece.subarray(0, bytes), at);
  }
  file.sync();
  letGo(piece);
  const scanner = new FrameScanner(file, { seed, from, end });
  while (scanner.next());
  letGo(scanner.buffer);
  if (scanner.end !== end)
    throw new Error(`${file.path}: found up to offset ${end}, now up to ${scanner.end}`);
}
