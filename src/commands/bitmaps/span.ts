/**
 * Ranges of bytes or bits within a string, for BITCOUNT and BITPOS: negative positions count from
 * the end, both ends are included. Redis 7.0 looks at the key first: a wrong range of an absent
 * key is no error.
 * @module
 */
import type { Args } from "../args.ts";
import { syntaxError } from "../failures.ts";

/** In bits, both included; `last` may be below `first`: nothing. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export interface KeyAndArgs {
  readonly key: Buffer;
  readonly args: Args;
}

export const keyAndArgs = (args: Args): KeyAndArgs => ({ key: args.bytes(0), args });

/** True if argument i says BIT, false if it says BYTE. @throws CommandError */
export function unitIsBit(args: Args, i: number): boolean {
  if (args.is(i, "bit")) return true;
  if (args.is(i, "byte")) return false;
  throw syntaxError();
}

/** @param bytes - Length of the string. */
export function spanOf(start: number, end: number, bits: boolean, bytes: number): Span {
  const total = bits ? bytes * 8 : bytes;
  const first = Math.max(0, start < 0 ? start + total : start);
  const last = Math.min(total - 1, Math.max(0, end < 0 ? end + total : end));
  return bits ? { first, last } : { first: first * 8, last: last * 8 + 7 };
}
