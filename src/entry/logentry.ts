// Permanent format: change it only by adding a version. Integers are big-endian.
//
//   offset  size  field
//        0     1  version  1
//        1     4  key_id   u32, 0 = the payload is clear
//        5     8  session  first 8 bytes of SHA-256(salt) of the registration
//       13     8  seq      counts the session's entries from 1; 0 in the registration itself
//       21     n  payload  envelope if key_id is not 0, else opcode u8 | body
//
/**
 * The header of a log entry, readable before any key is. It is part of what the sealed payload
 * authenticates, so an entry moved to another session or place does not open.
 * @module
 */
import { assert } from "../base/assert.ts";
import { putSafe64, readSafe64 } from "../base/bytes.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";

const entryVersion = 1;
export const entryHeaderBytes = 21;

export const opcode = {
  batch: 0x01,
  hlcCeiling: 0x02,
  registration: 0x03,
  bootstrap: 0x04,
  keyring: 0x05,
} as const;

export interface EntryHeader {
  keyId: number;
  session: bigint;
  seq: number;
}

export function writeEntryHeader(buffer: Buffer, at: number, header: EntryHeader): void {
  assert(Number.isSafeInteger(header.seq) && header.seq >= 0);
  buffer[at] = entryVersion;
  buffer.writeUInt32BE(header.keyId, at + 1);
  buffer.writeBigUInt64BE(header.session, at + 5);
  putSafe64(buffer, header.seq, at + 13);
}

/** @throws StrongroomError FORMAT_TRUNCATED, FORMAT_VERSION, FORMAT_RANGE. */
export function readEntryHeader(entry: Buffer): EntryHeader {
  if (entry.length <= entryHeaderBytes)
    throw new StrongroomError("FORMAT_TRUNCATED", "a log entry is shorter than its header");
  if (entry[0] !== entryVersion)
    throw new StrongroomError("FORMAT_VERSION", `a log entry has version ${entry[0]}`);
  return {
    keyId: entry.readUInt32BE(1),
    session: entry.readBigUInt64BE(5),
    seq: readSafe64(entry, 13),
  };
}

/** Null if it cannot be read: such an entry is no node's, and stands in no session. */
export function entryHeaderIn(entry: Buffer): EntryHeader | null {
  try {
    return readEntryHeader(entry);
  } catch (error) {
    if (!isStrongroomError(error)) throw error;
    return null;
  }
}
