/**
 * Reads a small file whose status decides whether it may be believed: a key. The hazard is a check
 * on the name followed by a read of another file; here the opened descriptor is judged, then read.
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

export interface SecretFileStatus {
  readonly regular: boolean;
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  /** The owner is the user of this process, or root. */
  readonly ownerTrusted: boolean;
  readonly bytes: number;
}

/**
 * @param judge - Throws to refuse; nothing has been read by then.
 * @returns At most `bytesMax` bytes in a buffer of its own, to be zeroed.
 * @throws Node's errors, with `code`; what `judge` throws.
 */
export function readSecretFile(
  path: string,
  bytesMax: number,
  judge: (status: SecretFileStatus) => void,
): Buffer {
  // O_NONBLOCK: opening a pipe with no writer must not hang; on a regular file it changes nothing.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = fstatSync(fd);
    judge({
      regular: found.isFile(),
      mode: found.mode & 0o7777,
      ownerTrusted: found.uid === 0 || found.uid === process.geteuid?.(),
      bytes: found.size,
    });
    const buffer = Buffer.allocUnsafeSlow(bytesMax);
    let length = 0;
    while (length < bytesMax) {
      const bytes = readSync(fd, buffer, length, bytesMax - length, null);
      if (bytes === 0) break;
      length += bytes;
    }
    const read = Buffer.allocUnsafeSlow(length);
    buffer.copy(read, 0, 0, length);
    buffer.fill(0);
    return read;
  } finally {
    closeSync(fd);
  }
}
