/**
 * Integers of 1 to 64 bits at any bit of a string, as BITFIELD reads and writes them, and what
 * happens when a value does not fitField. Comparisons wrap at 64 bits exactly as those in Redis's
 * checkSignedBitfieldOverflow and checkUnsignedBitfieldOverflow.
 * @module
 */
export type Overflow = "wrap" | "sat" | "fail";

export interface FieldType {
  readonly signed: boolean;
  /** 1..64 signed, 1..63 unsigned. */
  readonly bits: number;
}

/** Reads a field; beyond the end of the string are zeros. */
export function readField(bytes: Uint8Array, offset: number, type: FieldType): bigint {
  const firstByte = Math.floor(offset / 8);
  const lastByte = Math.floor((offset + type.bits - 1) / 8);
  let value = 0n;
  for (let at = firstByte; at <= lastByte; at++) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  value >>= BigInt(7 - ((offset + type.bits - 1) % 8));
  return type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value);
}

/** Writes the low bits of `value`; the string must be long enough. */
export function writeField(
  bytes: Uint8Array,
  offset: number,
  type: FieldType,
  value: bigint,
): void {
  let rest = BigInt.asUintN(type.bits, value);
  for (let bit = offset + type.bits - 1; bit >= offset; bit--) {
    const at = Math.floor(bit / 8);
    const mask = 0x80 >> (bit % 8);
    const byte = bytes[at] as number;
    bytes[at] = (rest & 1n) === 1n ? byte | mask : byte & ~mask;
    rest >>= 1n;
  }
}

/** `value + increment` within the field; null if it does not fitField and `overflow` is "fail". */
export function fitField(
  type: FieldType,
  value: bigint,
  increment: bigint,
  overflow: Overflow,
): bigint | null {
  const outside = type.signed
    ? signedOverflow(type.bits, value, increment)
    : unsignedOverflow(type.bits, value, increment);
  if (outside !== 0 && overflow === "fail") return null;
  const sum = value + increment;
  if (outside === 0 || overflow === "wrap")
    return type.signed ? BigInt.asIntN(type.bits, sum) : BigInt.asUintN(type.bits, sum);
  const top = 1n << BigInt(type.signed ? type.bits - 1 : type.bits);
  if (outside > 0) return top - 1n;
  return type.signed ? -top : 0n;
}

/** 1: above the largest, -1: below the smallest, 0: fits. */
function signedOverflow(bits: number, value: bigint, increment: bigint): -1 | 0 | 1 {
  const max = (1n << BigInt(bits - 1)) - 1n;
  const min = -max - 1n;
  const up = BigInt.asIntN(64, max - value);
  const down = BigInt.asIntN(64, min - value);
  const narrow = bits !== 64;
  if (value > max || (narrow && increment > up)) return 1;
  if (value >= 0n && increment > 0n && increment > up) return 1;
  if (value < min || (narrow && increment < down)) return -1;
  if (value < 0n && increment < 0n && increment < down) return -1;
  return 0;
}

/** The same for unsigned fields. `value` is taken as an unsigned 64-bit integer. */
function unsignedOverflow(bits: number, value: bigint, increment: bigint): -1 | 0 | 1 {
  const max = (1n << BigInt(bits)) - 1n;
  const unsigned = BigInt.asUintN(64, value);
  if (unsigned > max) return 1;
  if (increment > 0n && increment > BigInt.asIntN(64, max - unsigned)) return 1;
  return increment < 0n && increment < -unsigned ? -1 : 0;
}
