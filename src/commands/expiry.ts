/**
 * Expiry times as commands give them: seconds or milliseconds, from now or since 1970. Numbers up
 * to 2^63 are valid in Redis; what lies beyond the safe integers of JavaScript (the year 287396)
 * is kept as the largest of them.
 * @module
 */
import { badExpire } from "./failures.ts";

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
export const expireAtMax = Number.MAX_SAFE_INTEGER;

export interface ExpireUnit {
  readonly seconds: boolean;
  /** Since 1970, not from now. */
  readonly absolute: boolean;
}

export const unitEx: ExpireUnit = { seconds: true, absolute: false };
export const unitPx: ExpireUnit = { seconds: false, absolute: false };
export const unitExat: ExpireUnit = { seconds: true, absolute: true };
export const unitPxat: ExpireUnit = { seconds: false, absolute: true };

/**
 * Milliseconds since 1970, within the safe integers; may be negative.
 * @throws CommandError if the time does not fit in 64 bits.
 */
export function expireAtOf(
  value: bigint,
  unit: ExpireUnit,
  nowMs: number,
  command: string,
): number {
  let when = value;
  if (unit.seconds) {
    if (when > int64Max / 1000n || when < int64Min / 1000n) throw badExpire(command);
    when *= 1000n;
  }
  if (!unit.absolute) {
    if (when > int64Max - BigInt(nowMs)) throw badExpire(command);
    when += BigInt(nowMs);
  }
  const safe = when > BigInt(expireAtMax) ? expireAtMax : Number(when);
  return Math.max(safe, -expireAtMax);
}

/** The same for commands that refuse times that are not positive (SET, GETEX, SETEX, PSETEX). */
export function positiveExpireAtOf(
  value: bigint,
  unit: ExpireUnit,
  nowMs: number,
  command: string,
): number {
  if (value <= 0n) throw badExpire(command);
  return expireAtOf(value, unit, nowMs, command);
}
