/**
 * The arguments of one command, without its name: views into a buffer that belongs to the caller
 * and is valid only during the call. One object is reused for many commands.
 * @module
 */
import { CommandError } from "../keyspace/errors.ts";
import { floatText as notAFloat, integerText as notAnInteger } from "./failures.ts";
import { smallInteger } from "./numbers.ts";

/** Of an argument that is taken as text. */
const textBytesMax = 256 * 1024 * 1024;
/** As MAX_LONG_DOUBLE_CHARS of Redis: what is as long is no number. */
export const floatBytesMax = 5 * 1024;
const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

export class Args {
  buffer: Buffer = Buffer.alloc(0);
  /** Argument i is buffer[starts[first + i], ends[first + i]). */
  starts: number[] = [];
  ends: number[] = [];
  first = 0;
  count = 0;

  /** For tests and internal callers: arguments of their own. */
  static of(...values: (string | Uint8Array)[]): Args {
    return Args.from(values.map((v) => (typeof v === "string" ? Buffer.from(v) : v)));
  }

  /** The same of any number: a call with as many arguments as a command may have has no stack. */
  static from(parts: readonly Uint8Array[]): Args {
    const args = new Args();
    args.buffer = Buffer.concat(parts);
    let at = 0;
    for (const part of parts) {
      args.starts.push(at);
      at += part.length;
      args.ends.push(at);
    }
    args.count = parts.length;
    return args;
  }

  start(i: number): number {
    return this.starts[this.first + i] as number;
  }
  end(i: number): number {
    return this.ends[this.first + i] as number;
  }
  length(i: number): number {
    return this.end(i) - this.start(i);
  }
  /** A view. */
  bytes(i: number): Buffer {
    return this.buffer.subarray(this.start(i), this.end(i));
  }
  /**
   * Latin-1: one character a byte.
   * @throws CommandError for one that is longer than any text may be: V8 ends below 512 MiB.
   */
  text(i: number): string {
    if (this.length(i) > textBytesMax) throw new CommandError("ERR argument is too long");
    return this.buffer.toString("latin1", this.start(i), this.end(i));
  }

  /** Its beginning, for people: at most `bytesMax` of it. */
  beginning(i: number, bytesMax: number): string {
    const start = this.start(i);
    return this.buffer.toString("latin1", start, Math.min(this.end(i), start + bytesMax));
  }

  /** True if argument i is `word` (given in lower case), whatever its case. */
  is(i: number, word: string): boolean {
    const start = this.start(i);
    if (this.end(i) - start !== word.length) return false;
    for (let n = 0; n < word.length; n++) {
      let byte = this.buffer[start + n] as number;
      if (byte >= 65 && byte <= 90) byte += 32;
      if (byte !== word.charCodeAt(n)) return false;
    }
    return true;
  }

  /** A signed 64-bit integer in canonical form, as Redis's string2ll takes it. */
  int64(i: number, error = notAnInteger): bigint {
    const value = parseInt64(this.buffer, this.start(i), this.end(i));
    if (value === null) throw new CommandError(error);
    return value;
  }

  /** The same within bounds that a number can hold. */
  integer(i: number, error = notAnInteger, min = -(2 ** 53), max = 2 ** 53): number {
    const value = this.int64(i, error);
    if (value < BigInt(min) || value > BigInt(max)) throw new CommandError(error);
    return Number(value);
  }

  /** A signed 64-bit integer, rounded beyond 2^53: for positions and counts, never for values. */
  long(i: number, error = notAnInteger): number {
    const small = smallInteger(this.buffer, this.start(i), this.end(i));
    return Number.isNaN(small) ? Number(this.int64(i, error)) : small;
  }

  /** A finite or infinite float, as Redis's string2d takes it; NaN is refused. */
  float(i: number, error = notAFloat): number {
    const value = this.length(i) < floatBytesMax ? parseFloat64(this.text(i)) : null;
    if (value === null) throw new CommandError(error);
    return value;
  }
}

/** Redis's string2ll: optional minus, no plus, no leading zeros, no spaces. Null if it is none. */
export function parseInt64(buffer: Uint8Array, start: number, end: number): bigint | null {
  const length = end - start;
  if (length === 0 || length > 20) return null;
  const negative = buffer[start] === 0x2d;
  let at = negative ? start + 1 : start;
  if (at === end) return null;
  if (buffer[at] === 0x30) return length === 1 ? 0n : null;
  if (length <= 15) {
    let small = 0;
    for (; at < end; at++) {
      const digit = (buffer[at] as number) - 0x30;
      if (digit < 0 || digit > 9) return null;
      small = small * 10 + digit;
    }
    return BigInt(negative ? -small : small);
  }
  let value = 0n;
  for (; at < end; at++) {
    const digit = (buffer[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10n + BigInt(digit);
  }
  if (negative) value = -value;
  return value < int64Min || value > int64Max ? null : value;
}

/** strtod of the whole text: decimal, exponent, inf, infinity; no spaces, no NaN, no hex. */
function parseFloat64(text: string): number | null {
  if (/^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)$/.test(text)) return Number(text);
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  return null;
}
