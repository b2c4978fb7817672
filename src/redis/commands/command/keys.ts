/**
 * What the table knows of the keys of a command: for COMMAND INFO, and to find them.
 * @module
 */
import type { Args } from "../../../commands/args.ts";
import type { KeyRange, KeySpec } from "../../../commands/command.ts";
import type { TableEntry } from "../../context.ts";

const noKeys: KeyRange = { first: 0, last: 0, step: 0 };
/** Channels that have a slot as keys have. */
const notKey = "not_key";

export function keysOf(entry: TableEntry): KeyRange {
  return entry.spec?.keys ?? entry.server?.keys ?? noKeys;
}

export function keySpecsOf(entry: TableEntry): readonly KeySpec[] {
  const given = entry.spec?.keySpecs ?? entry.server?.keySpecs;
  if (given !== undefined) return given;
  if (keysOf(entry).first === 0) return [];
  return [{ flags: entry.isWrite ? "RW access update" : "RO access" }];
}

export function hasKeys(entry: TableEntry): boolean {
  return keySpecsOf(entry).some(({ flags }) => flags !== notKey);
}

export interface FoundKey {
  /** Among `args`. */
  readonly at: number;
  /** "RW access update" */
  readonly flags: string;
}

/** @param args - What stands behind the name, or behind both names of a subcommand. */
export function findKeys(entry: TableEntry, args: Args): FoundKey[] {
  const specs = keySpecsOf(entry);
  const { spec } = entry;
  if (spec?.findKeys !== undefined) {
    const [first, last] = [specs[0]?.flags ?? "", specs.at(-1)?.flags ?? ""];
    return spec.findKeys(args).map((at, n) => ({ at, flags: n === 0 ? first : last }));
  }
  const names = entry.name.includes("|") ? 2 : 1;
  const found: FoundKey[] = [];
  for (const { flags, keys } of specs) {
    const { first, last, step } = keys ?? keysOf(entry);
    const end = last < 0 ? args.count + last : last - names;
    const done = spec?.keyFlags?.(args) ?? flags;
    for (let at = first - names; at <= end && at < args.count; at += step)
      found.push({ at, flags: done });
  }
  return found;
}
