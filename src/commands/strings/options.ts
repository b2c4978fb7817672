/**
 * The options of SET and GETEX: when to write, what to answer, which expiry. Which of them exclude
 * each other, and which may be repeated, is as in parseExtendedStringArgumentsOrReply of Redis 7.0.
 * @module
 */
import type { Args } from "../args.ts";
import {
  type ExpireUnit,
  positiveExpireAtOf,
  unitEx,
  unitExat,
  unitPx,
  unitPxat,
} from "../expiry.ts";
import { syntaxError } from "../failures.ts";

export interface StringOptions {
  readonly onlyIfAbsent: boolean;
  readonly onlyIfPresent: boolean;
  readonly get: boolean;
  readonly keepTtl: boolean;
  readonly persist: boolean;
  /** Undefined: no time given. */
  readonly unit: ExpireUnit | undefined;
  /** Where the time stands in args. It is read in `run`: GETEX looks at the key before it. */
  readonly timeAt: number;
}

const units = { ex: unitEx, px: unitPx, exat: unitExat, pxat: unitPxat } as const;

function unitAt(args: Args, at: number): ExpireUnit | undefined {
  if (at + 1 >= args.count) return undefined;
  for (const [word, unit] of Object.entries(units)) if (args.is(at, word)) return unit;
  return undefined;
}

/** @param from - Index of the first option. */
export function parseStringOptions(
  args: Args,
  from: number,
  command: "set" | "getex",
): StringOptions {
  const isSet = command === "set";
  const options = { onlyIfAbsent: false, onlyIfPresent: false, get: false };
  let keepTtl = false;
  let persist = false;
  let unit: ExpireUnit | undefined;
  let timeAt = 0;
  for (let at = from; at < args.count; at++) {
    const next = unitAt(args, at);
    const clash = (unit !== undefined && unit !== next) || keepTtl || persist;
    if (isSet && args.is(at, "nx") && !options.onlyIfPresent) options.onlyIfAbsent = true;
    else if (isSet && args.is(at, "xx") && !options.onlyIfAbsent) options.onlyIfPresent = true;
    else if (isSet && args.is(at, "get")) options.get = true;
    else if (isSet && args.is(at, "keepttl") && unit === undefined) keepTtl = true;
    else if (!isSet && args.is(at, "persist") && unit === undefined) persist = true;
    else if (next !== undefined && !clash) {
      unit = next;
      timeAt = ++at;
    } else throw syntaxError();
  }
  return { ...options, keepTtl, persist, unit, timeAt };
}

/** Absolute expiry in ms; undefined if no time was given. @throws CommandError */
export function optionExpireAt(
  args: Args,
  options: StringOptions,
  nowMs: number,
  command: string,
): number | undefined {
  if (options.unit === undefined) return undefined;
  return positiveExpireAtOf(args.int64(options.timeAt), options.unit, nowMs, command);
}
