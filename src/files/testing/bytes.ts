/**
 * For tests: a file that is a buffer, only to be read.
 * @module
 */
import type { DiskFile } from "../../base/ports.ts";

export function bytesFile(bytes: Buffer, path = "file"): DiskFile {
  const refuse = (): never => {
    throw new Error("this file can only be read");
  };
  const read = (target: Uint8Array, position: number): number =>
    bytes.copy(target, 0, position, position + target.length);
  return {
    path,
    direct: false,
    fd: -1,
    read,
    readCached: (target, position) => read(target, position) === target.length,
    warm: () => {},
    write: refuse,
    writeAsync: refuse,
    sync: refuse,
    syncAsync: refuse,
    truncate: refuse,
    size: () => bytes.length,
    close: () => {},
  };
}

/** `bytes` with one bit inverted. */
export function flipBit(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}
