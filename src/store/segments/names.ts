/**
 * Names of the store's files. They carry a number and a kind, nothing else.
 * @module
 */
import { join } from "node:path";
import type { FileKind } from "../../files/header.ts";

export const segmentKind: FileKind = { magic: "STRMSEGM", version: 1 };
export const hintKind: FileKind = { magic: "STRMHINT", version: 1 };
export const manifestKind: FileKind = { magic: "STRMSTOR", version: 1 };

export const manifestName = "MANIFEST";

function digits(number: number): string {
  return String(number).padStart(10, "0");
}

export function segmentPath(directory: string, number: number): string {
  return join(directory, `${digits(number)}.segment`);
}

export function hintPath(directory: string, number: number): string {
  return join(directory, `${digits(number)}.hint`);
}

export function manifestPath(directory: string): string {
  return join(directory, manifestName);
}

export interface FileName {
  /** `temporary`: the half of an atomic replacement. */
  readonly kind: "segment" | "hint" | "manifest" | "temporary" | "unknown";
  /** 0 where there is none. */
  readonly number: number;
}

/** What a name in the directory says. */
export function parseName(name: string): FileName {
  if (name === manifestName) return { kind: "manifest", number: 0 };
  if (name === `${manifestName}.tmp`) return { kind: "temporary", number: 0 };
  const half = /^(\d{10})\.hint\.tmp$/.exec(name);
  if (half !== null) return { kind: "temporary", number: Number(half[1]) };
  const match = /^(\d{10})\.(segment|hint)$/.exec(name);
  if (match === null) return { kind: "unknown", number: 0 };
  return { kind: match[2] as "segment" | "hint", number: Number(match[1]) };
}
