/**
 * Lists of keys, and of keys with values, as arguments.
 * @module
 */
import type { Args } from "./args.ts";
import { wrongArity } from "./failures.ts";

/** Views of the arguments from `first` on. */
export function keysFrom(args: Args, first: number): Buffer[] {
  const keys: Buffer[] = [];
  for (let i = first; i < args.count; i++) keys.push(args.bytes(i));
  return keys;
}

/** Key, value, key, value … @throws CommandError for an odd number of them. */
export function pairsOf(args: Args, command: string): Buffer[] {
  if (args.count % 2 !== 0) throw wrongArity(command);
  return keysFrom(args, 0);
}
