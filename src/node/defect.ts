/**
 * Defects of the program that show themselves while an entry is applied: neither an error of ours
 * nor one of the system. Hazard: the text of such an error may quote data, so of it only the kind
 * and the place in the source are told.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import { isSystemError } from "../platform/unusable.ts";

/** True unless the world can be what is wrong. */
export function isDefect(error: unknown): boolean {
  return !isStrongroomError(error) && !isSystemError(error);
}

/** What a group halts with, at an entry or at something else. */
export function haltOf(cause: unknown, atEntry: boolean): StrongroomError {
  if (cause instanceof StrongroomError) return cause;
  if (isSystemError(cause)) return new StrongroomError("NODE_HALTED", cause.code, { cause });
  const code = atEntry ? "NODE_APPLY_DEFECT" : "NODE_HALTED";
  return new StrongroomError(code, `a defect of the program: ${placeOf(cause)}`, { cause });
}

/** Such as `RangeError at append.ts:41`. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return "no error";
  const ours = /^\s+at (?!.*node:).*?([\w.-]+\.[cm]?[jt]s:\d+):\d+\)?$/;
  for (const line of (error.stack ?? "").split("\n")) {
    const place = ours.exec(line)?.[1];
    if (place !== undefined) return `${error.name} at ${place}`;
  }
  return error.name;
}
