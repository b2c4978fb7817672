/**
 * How the admin commands answer: one JSON object for programs, or tables and sentences for people.
 * @module
 */
import type { Applied } from "../../node/operations.ts";
import type { Context } from "../context.ts";
import type { Options } from "./target.ts";

/** Prints an answer: as JSON with `--json`, else as the lines that `lines` makes of it. */
export function print<T>(
  context: Context,
  options: Options,
  answer: T,
  lines: (answer: T) => readonly string[],
): void {
  if (options.json === true) context.out(JSON.stringify(answer, null, 2));
  else for (const line of lines(answer)) context.out(line);
}

/** A time for people, in UTC; a dash if it is unknown. */
export function renderTime(ms: number): string {
  return ms === 0 ? "-" : new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** `since entry 17`, or that it had been so before. */
export function since({ appliedIndex, changed }: Applied): string {
  return changed ? `since entry ${appliedIndex}` : `already so, since entry ${appliedIndex}`;
}
