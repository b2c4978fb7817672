/**
 * Bounds of the primitives' arguments. The addon checks the same in C before it touches memory;
 * the fallback uses these, so that misuse fails alike on both.
 * @module
 */
import { nonceBytes, tagBytes } from "./primitive-types.ts";

function isLength(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

/** @throws TypeError unless `value` is a Uint8Array. */
export function checkBytes(value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw new TypeError("a Uint8Array is needed");
}

/** @throws RangeError unless [at, at + length) lies in `bytes`; TypeError for another kind. */
export function checkRange(bytes: Uint8Array, at: number, length: number): void {
  checkBytes(bytes);
  if (!isLength(at) || !isLength(length) || at + length > bytes.length)
    throw new RangeError("range outside the buffer");
}

/** OpenSSL counts the bytes of one call in an int. */
const textBytesMax = 0x7fff_ffff;

/** @throws RangeError unless a whole sealed layout lies in `bytes`. */
export function checkLayout(bytes: Uint8Array, at: number, aad: number, text: number): void {
  checkBytes(bytes);
  const lengths = isLength(at) && isLength(aad) && isLength(text);
  const small = aad <= textBytesMax && text <= textBytesMax;
  if (!lengths || !small || at + aad + nonceBytes + text + tagBytes > bytes.length)
    throw new RangeError("sealed layout outside the buffer");
}

/** @throws RangeError unless `count` rows of `width` numbers are in `table`. */
export function checkTable(table: Uint32Array, count: number, width: number): void {
  if (!(table instanceof Uint32Array)) throw new TypeError("a Uint32Array is needed");
  if (!isLength(count) || count * width > table.length)
    throw new RangeError("table shorter than its count");
}
