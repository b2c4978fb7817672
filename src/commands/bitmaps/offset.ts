/**
 * Offsets of bits as arguments: from 0 to 8 * 512 MiB, bit 0 is the highest of byte 0. BITFIELD
 * takes `#n` too: n times the width of the field.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { type Args, parseInt64 } from "../args.ts";
import { stringBytesMax } from "../limits.ts";

const hash = 0x23;

/** @param width - Bits of the field if `#n` is allowed, else 0. @throws CommandError */
export function bitOffset(args: Args, i: number, width = 0): number {
  const start = args.start(i);
  const relative = width > 0 && args.length(i) > 0 && args.buffer[start] === hash;
  const given = parseInt64(args.buffer, relative ? start + 1 : start, args.end(i));
  const offset = given === null ? -1n : BigInt.asIntN(64, relative ? given * BigInt(width) : given);
  if (offset < 0n || offset >> 3n >= BigInt(stringBytesMax))
    throw new CommandError("ERR bit offset is not an integer or out of range");
  return Number(offset);
}

/** The byte that holds bit `offset`. Offsets exceed 32 bits. */
export function byteOf(offset: number): number {
  return Math.floor(offset / 8);
}
