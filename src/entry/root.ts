// Permanent format of the opened body of a root: change it only by adding a type.
//
//   offset  size  field
//        0     1  type     1 string
//        1     1  flags    bit 0: encoding raw; others are refused
//        2     8  modified index u64
//       10     4  modified ordinal u32
//       14     4  length of the key name
//       18     k  key name, then the value
//
/**
 * The body of a root record: what was sealed. The keyspace id stands in the record's header, where
 * the seal authenticates it.
 * @module
 */
import { getSafe64, getU32, putSafe64, putU32 } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";

export const rootHeaderBytes = 18;
const rootFlagRaw = 1;

export interface RootHeader {
  type: number;
  raw: boolean;
  index: number;
  ordinal: number;
  keyLength: number;
}

export function writeRootHeader(buffer: Buffer, at: number, root: RootHeader): void {
  buffer[at] = root.type;
  buffer[at + 1] = root.raw ? rootFlagRaw : 0;
  putSafe64(buffer, root.index, at + 2);
  putU32(buffer, root.ordinal, at + 10);
  putU32(buffer, root.keyLength, at + 14);
}

/** @throws StrongroomError FORMAT_TRUNCATED, FORMAT_VERSION, FORMAT_RANGE. */
export function readRootHeader(buffer: Buffer, at: number, end: number, into: RootHeader): void {
  if (end - at < rootHeaderBytes)
    throw new StrongroomError("FORMAT_TRUNCATED", "a root is shorter than its header");
  const flags = buffer[at + 1] as number;
  if (buffer[at] !== 1 || (flags & ~rootFlagRaw) !== 0)
    throw new StrongroomError("FORMAT_VERSION", "a root has an unknown type or reserved flags");
  into.type = buffer[at] as number;
  into.raw = flags === rootFlagRaw;
  into.index = getSafe64(buffer, at + 2);
  into.ordinal = getU32(buffer, at + 10);
  into.keyLength = getU32(buffer, at + 14);
  if (into.keyLength > end - at - rootHeaderBytes)
    throw new StrongroomError("FORMAT_TRUNCATED", "a root is shorter than its key name");
}
