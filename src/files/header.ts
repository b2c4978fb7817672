/**
 * The first block of every append-only file: what the file is and where it belongs. It fills one
 * block, so that the first batch starts on a block boundary, and every byte of it is checked.
 *
 *   offset  size  field
 *        0     8  magic    names the kind of file, ASCII
 *        8     1  version  of this kind
 *        9     2  length   u16, of the body, at most 4081
 *       11     n  body     given by the kind
 *     11+n     -  zeros
 *     4092     4  crc32    u32, of the 4092 bytes before
 * @module
 */
import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import { blockBytes } from "./framing.ts";

const bodyAt = 11;
const crcAt = blockBytes - 4;
export const headerBodyBytesMax = crcAt - bodyAt;

export interface FileKind {
  /** 8 ASCII characters. */
  readonly magic: string;
  readonly version: number;
}

/** @returns One block; copy it into aligned memory for a direct write. */
export function encodeFileHeader(kind: FileKind, body: Uint8Array): Buffer {
  assert(kind.magic.length === 8, "a magic has 8 characters");
  assert(body.length <= headerBodyBytesMax, "header body too long");
  const block = Buffer.alloc(blockBytes);
  block.write(kind.magic, 0, "latin1");
  block.writeUInt8(kind.version, 8);
  block.writeUInt16BE(body.length, 9);
  block.set(body, bodyAt);
  block.writeUInt32BE(crc32(block.subarray(0, crcAt)), crcAt);
  return block;
}

/**
 * @param path - Only for the error.
 * @returns A view of the body.
 * @throws FILE_HEADER_DAMAGED, or FORMAT_VERSION for a whole header of another version.
 */
export function decodeFileHeader(kind: FileKind, block: Buffer, path: string): Buffer {
  const damaged = (what: string) => new StrongroomError("FILE_HEADER_DAMAGED", `${path}: ${what}`);
  if (block.length < blockBytes) throw damaged("the file is shorter than its header");
  if (block.readUInt32BE(crcAt) !== crc32(block.subarray(0, crcAt)))
    throw damaged("the checksum of the header does not match");
  if (block.toString("latin1", 0, 8) !== kind.magic) throw damaged("another kind of file");
  if (block.readUInt8(8) !== kind.version)
    throw new StrongroomError("FORMAT_VERSION", `${path}: version ${block.readUInt8(8)}`);
  const length = block.readUInt16BE(9);
  if (length > headerBodyBytesMax) throw damaged("the header is longer than its block");
  for (let at = bodyAt + length; at < crcAt; at++)
    if (block[at] !== 0) throw damaged("the header's padding is not zero");
  return block.subarray(bodyAt, bodyAt + length);
}

/** The first block of a file; shorter if the file is, and then no header to `decodeFileHeader`. */
export function readHeaderBlock(disk: Disk, path: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  const file = disk.open(path, { mode: "read" });
  try {
    return block.subarray(0, file.read(block, 0));
  } finally {
    file.close();
  }
}
