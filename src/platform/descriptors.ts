/**
 * How many descriptors this process may have open. Node raises the soft limit to the hard one when
 * it starts, so what is found here is all that there is to have.
 * @module
 */
import { readFileSync } from "node:fs";

/** The soft limit in the text of proc(5), /proc/pid/limits; Infinity: none is told. */
export function openFilesIn(limits: string): number {
  const found = /^Max open files +(\d+) /m.exec(limits);
  return found === null ? Number.POSITIVE_INFINITY : Number(found[1]);
}

let known: number | undefined;

/** RLIMIT_NOFILE as it was when it was first asked for; Infinity: none, or it is not known. */
export function descriptorsMax(): number {
  known ??= read();
  return known;
}

function read(): number {
  try {
    return openFilesIn(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
