/**
 * The log of a node: JSON lines on standard error. Fields are chosen by hand where something is
 * logged; no command, key, value or password is ever among them, and of an unexpected error only
 * the kind and the places in the source are told, since its message may quote data.
 * @module
 */
import { destination, type Logger, pino } from "pino";
import { StrongroomError } from "../base/errors.ts";

export type { Logger } from "pino";

/** Synchronous: the last line before an end is not lost. */
export function openLogger(level: string, fd = 2): Logger {
  const options = { level, base: { pid: process.pid }, timestamp: () => `,"time":"${now()}"` };
  return pino(options, destination({ fd, sync: true }));
}

function now(): string {
  return new Date().toISOString();
}

/** What may be told of an error: ours in full, of others the kind and the stack's places. */
export function tellable(error: unknown): Record<string, unknown> {
  if (error instanceof StrongroomError) return { code: error.code, message: error.explain() };
  if (!(error instanceof Error)) return { kind: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  return {
    kind: error.name,
    ...(typeof code === "string" ? { code } : {}),
    at: placesOf(error),
  };
}

/** The `at …` lines of a stack, without the message before them. */
function placesOf(error: Error): string[] {
  const lines = (error.stack ?? "").split("\n").map((line) => line.trim());
  return lines.filter((line) => /^at .*:\d+:\d+\)?$/.test(line)).slice(0, 20);
}
