/**
 * Floats of INCRBYFLOAT: the x87 extended format (64-bit significand, exponents to 16384) that
 * Redis's `long double` has on x86-64, in exact integer arithmetic. Results must equal Redis's and
 * be the same on every replica, whatever the processor: no native float takes part.
 * Rounding is to nearest, ties to even, once for each operation (IEEE 754).
 * @module
 */

/** significand * 2^exponent; the significand has at most 64 bits. */
export interface LongDouble {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
  readonly infinite: boolean;
}

const precision = 64;
/** Exponent of the last bit of the smallest denormal. */
const exponentMin = -16445;
const exponentMax = 16384;
/** Redis's MAX_LONG_DOUBLE_CHARS: longer text is no number. */
const textMax = 5 * 1024;
/** Beyond these powers of ten every number is infinite or zero. */
const decimalMax = 5000;
const decimalMin = -5000;

const decimalPattern = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
const hexPattern = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?\d+))?$/;
const infinitePattern = /^([+-]?)inf(?:inity)?$/i;

export const longDoubleZero: LongDouble = {
  negative: false,
  significand: 0n,
  exponent: 0,
  infinite: false,
};

function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hex = value.toString(16);
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0] as string, 16)));
}

/** Divides by 2^bits, to nearest, ties to even. */
function roundShift(value: bigint, bits: number): bigint {
  if (bits <= 0) return value << BigInt(-bits);
  const shift = BigInt(bits);
  const quotient = value >> shift;
  const rest = value - (quotient << shift);
  const half = 1n << (shift - 1n);
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

/** Rounds value * 2^exponent, value >= 0, to the format. */
function round(negative: boolean, value: bigint, exponent: number): LongDouble {
  const drop = Math.max(bitLength(value) - precision, exponentMin - exponent);
  const exact = drop <= 0;
  const significand = exact ? value : roundShift(value, drop);
  const scaled = exact ? exponent : exponent + drop;
  const infinite = bitLength(significand) + scaled > exponentMax;
  if (significand === 0n || infinite) return { negative, significand: 0n, exponent: 0, infinite };
  return { negative, significand, exponent: scaled, infinite: false };
}

/** Rounds numerator / denominator to the format. */
function roundRatio(negative: boolean, numerator: bigint, denominator: bigint): LongDouble {
  const shift = precision + 2 - (bitLength(numerator) - bitLength(denominator));
  const scaled = shift >= 0 ? numerator << BigInt(shift) : numerator;
  const divisor = shift >= 0 ? denominator : denominator << BigInt(-shift);
  const quotient = scaled / divisor;
  // The lowest bit stands for everything below: it decides ties, and is dropped by rounding.
  const sticky = quotient * divisor === scaled ? 0n : 1n;
  return round(negative, (quotient << 1n) | sticky, -(shift + 1));
}

function parseDecimal(match: RegExpExecArray): LongDouble | null {
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  if (whole === "" && fraction === "") return null;
  const digits = BigInt(whole + fraction);
  const negative = sign === "-";
  if (digits === 0n) return { ...longDoubleZero, negative };
  const scale = Number(power) - fraction.length;
  const magnitude = digits.toString().length + scale;
  if (magnitude > decimalMax) return { ...longDoubleZero, negative, infinite: true };
  if (magnitude < decimalMin) return null;
  const result =
    scale >= 0
      ? roundRatio(negative, digits * 10n ** BigInt(scale), 1n)
      : roundRatio(negative, digits, 10n ** BigInt(-scale));
  return underflow(result);
}

function parseHex(match: RegExpExecArray): LongDouble | null {
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  if (whole === "" && fraction === "") return null;
  const digits = BigInt(`0x${whole}${fraction}`);
  const negative = sign === "-";
  if (digits === 0n) return { ...longDoubleZero, negative };
  const exponent = Number(power) - 4 * fraction.length;
  if (bitLength(digits) + exponent > exponentMax)
    return { ...longDoubleZero, negative, infinite: true };
  if (bitLength(digits) + exponent < exponentMin - 1) return null;
  return underflow(round(negative, digits, exponent));
}

/** strtold reports a range error for what is not zero and rounds to it; Redis refuses it. */
function underflow(value: LongDouble): LongDouble | null {
  return !value.infinite && value.significand === 0n ? null : value;
}

/**
 * Redis's string2ld: decimal or hexadecimal text, inf, infinity; without blanks.
 * @param text - A character for each byte.
 * @returns null for anything else: NaN, overflow and underflow too. Infinity only if so named.
 */
export function parseLongDouble(text: string): LongDouble | null {
  if (text.length === 0 || text.length >= textMax) return null;
  const infinite = infinitePattern.exec(text);
  if (infinite) return { ...longDoubleZero, negative: infinite[1] === "-", infinite: true };
  const hex = hexPattern.exec(text);
  const decimal = hex ? null : decimalPattern.exec(text);
  const value = hex ? parseHex(hex) : decimal ? parseDecimal(decimal) : null;
  return value?.infinite ? null : value;
}

/** The sum, or null if it is NaN or infinite. */
export function addLongDouble(one: LongDouble, other: LongDouble): LongDouble | null {
  if (one.infinite || other.infinite) return null;
  const exponent = Math.min(one.exponent, other.exponent);
  const first = signed(one) << BigInt(one.exponent - exponent);
  const second = signed(other) << BigInt(other.exponent - exponent);
  const sum = first + second;
  if (sum === 0n) return { ...longDoubleZero, negative: one.negative && other.negative };
  const result = round(sum < 0n, sum < 0n ? -sum : sum, exponent);
  return result.infinite ? null : result;
}

function signed(value: LongDouble): bigint {
  return value.negative ? -value.significand : value.significand;
}

/** As printf's %.17Lf, without trailing zeros and without the sign of zero. Finite values only. */
export function formatLongDouble(value: LongDouble): string {
  const scaled = roundShift(value.significand * 10n ** 17n, -value.exponent);
  const digits = scaled.toString().padStart(18, "0");
  const fraction = digits.slice(-17).replace(/0+$/, "");
  const whole = digits.slice(0, -17);
  const text = fraction === "" ? whole : `${whole}.${fraction}`;
  return value.negative && text !== "0" ? `-${text}` : text;
}
