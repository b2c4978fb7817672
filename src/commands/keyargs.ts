/**
 * Lists of keys, and of keys with values, as arguments.
 * @module
 */
import { type Database, foreseenKeysMax } from "../keyspace/api.ts";
import type { Args } from "./args.ts";
import { wrongArity } from "./failures.ts";

/** Views of the arguments from `first` on. */
export function keysFrom(args: Args, first: number): Buffer[] {
  const keys: Buffer[] = [];
  for (let i = first; i < args.count; i++) keys.push(args.bytes(i));
  return keys;
}

/** Calls `visit` for each key in order; the database is told of several before they are visited. */
export function eachKey(db: Database, keys: readonly Buffer[], visit: (key: Buffer) => void): void {
  for (let n = 0; n < keys.length; n++) {
    if (n % foreseenKeysMax === 0) db.foresee(keys, n);
    visit(keys[n] as Buffer);
  }
}

/** Key, value, key, value … @throws CommandError for an odd number of them. */
export function pairsOf(args: Args, command: string): Buffer[] {
  if (args.count % 2 !== 0) throw wrongArity(command);
  return keysFrom(args, 0);
}
