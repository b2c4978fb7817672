/**
 * Integers as text without BigInt or strings: counters are incremented on the hot path. What does
 * not fit in 15 digits takes the slow, exact way.
 * @module
 */

/** Canonical integer text (as Redis's string2ll) of at most 15 digits; NaN for anything else. */
export function smallInteger(bytes: Uint8Array, start: number, end: number): number {
  const negative = end > start && bytes[start] === 0x2d;
  let at = negative ? start + 1 : start;
  const digits = end - at;
  if (digits < 1 || digits > 15) return Number.NaN;
  if (bytes[at] === 0x30) return digits === 1 && !negative ? 0 : Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

const digitsMax = 20;
const scratch = Buffer.alloc(digitsMax);
/** views[n] is the last n bytes of the scratch. */
const views = Array.from({ length: digitsMax + 1 }, (_, n) => scratch.subarray(digitsMax - n));

/** Decimal text of a safe integer, as a view that is valid until the next call. */
export function integerBytes(value: number): Buffer {
  let rest = value < 0 ? -value : value;
  let at = digitsMax;
  do {
    const tenth = Math.floor(rest / 10);
    at -= 1;
    scratch[at] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  } while (rest > 0);
  if (value < 0) {
    at -= 1;
    scratch[at] = 0x2d;
  }
  return views[digitsMax - at] as Buffer;
}
