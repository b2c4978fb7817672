/**
 * Bitwise operations on byte strings, four bytes at a time: what is long goes in pieces through a
 * block of words, because a value may begin at any address.
 * @module
 */
export type Merge = "and" | "or" | "xor";

const blockBytes = 16 * 1024;
/** Shorter ones are done before a view of words is made. */
const shortBytes = 128;

const words = new Uint32Array(blockBytes / 4);
const bytes = new Uint8Array(words.buffer);

type Numbers = Uint8Array | Uint32Array;

/** target[n] = target[n] op source[from + n - to], for n from `to` up to `end`. */
function merge(
  op: Merge,
  target: Numbers,
  to: number,
  end: number,
  source: Numbers,
  from: number,
): void {
  const shift = from - to;
  if (op === "and")
    for (let n = to; n < end; n++)
      target[n] = (target[n] as number) & (source[n + shift] as number);
  else if (op === "or")
    for (let n = to; n < end; n++)
      target[n] = (target[n] as number) | (source[n + shift] as number);
  else
    for (let n = to; n < end; n++)
      target[n] = (target[n] as number) ^ (source[n + shift] as number);
}

/** The first `length` bytes of `result`, whose memory is its own, op those of `source`. */
export function mergeBytes(
  op: Merge,
  result: Uint8Array,
  source: Uint8Array,
  length: number,
): void {
  if (length < shortBytes) {
    merge(op, result, 0, length, source, 0);
    return;
  }
  const target = new Uint32Array(result.buffer, result.byteOffset, result.length >>> 2);
  for (let at = 0; at < length; at += blockBytes) {
    const count = Math.min(blockBytes, length - at);
    bytes.set(source.subarray(at, at + count));
    const whole = count >>> 2;
    merge(op, target, at / 4, at / 4 + whole, words, 0);
    merge(op, result, at + whole * 4, at + count, bytes, whole * 4);
  }
}

/** Turns every bit over. */
export function invertBytes(result: Uint8Array): void {
  const whole = result.length >>> 2;
  const target = new Uint32Array(result.buffer, result.byteOffset, whole);
  for (let n = 0; n < whole; n++) target[n] = ~(target[n] as number);
  for (let n = whole * 4; n < result.length; n++) result[n] = ~(result[n] as number);
}
