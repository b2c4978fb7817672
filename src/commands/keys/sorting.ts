/**
 * What SORT and SORT_RO share. They sort lists, sets and sorted sets, and none of these types is
 * here: what is left is the grammar, and the replies for an absent key and for a string.
 * @module
 */
import { wrongType } from "../../keyspace/errors.ts";
import type { Args } from "../args.ts";
import type { Context, KeySpec } from "../command.ts";
import { syntaxError } from "../failures.ts";

/** BY and GET: which keys they read follows from what is sorted. */
export const patternKeys: KeySpec = {
  flags: "RO access",
  notes:
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from " +
    "the content of the key we sort",
  keys: null,
};

export const storeKey: KeySpec = {
  flags: "OW update",
  notes:
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear " +
    "anywhere in the argument array",
  keys: null,
};

export interface SortCall {
  readonly key: Buffer;
  /** Where the result goes instead of the reply; the last one given counts. */
  readonly store: Buffer | null;
}

/** How many arguments follow an option of the grammar; -1: there is no such option. */
function operands(args: Args, at: number, readonly: boolean): number {
  if (args.is(at, "asc") || args.is(at, "desc") || args.is(at, "alpha")) return 0;
  if (args.is(at, "limit")) return 2;
  if (args.is(at, "by") || args.is(at, "get")) return 1;
  return args.is(at, "store") && !readonly ? 1 : -1;
}

/** @throws CommandError for an option that is unknown or lacks what belongs to it. */
export function parseSort(args: Args, readonly: boolean): SortCall {
  let store: Buffer | null = null;
  for (let at = 1; at < args.count; ) {
    const count = operands(args, at, readonly);
    if (count < 0 || at + count >= args.count) throw syntaxError();
    if (args.is(at, "limit")) {
      args.long(at + 1);
      args.long(at + 2);
    } else if (args.is(at, "store")) store = args.bytes(at + 1);
    at += 1 + count;
  }
  return { key: args.bytes(0), store };
}

/** @throws CommandError WRONGTYPE if the key is there. */
export function refuseUnsortable({ db }: Context, key: Buffer): void {
  if (db.typeOf(key) !== null) throw wrongType();
}

/** The key, and the operand of the last STORE; patterns are no keys. As Redis's sortGetKeys. */
export function sortKeys(args: Args): number[] {
  let store = -1;
  for (let at = 1; at < args.count; at++) {
    if (args.is(at, "limit")) at += 2;
    else if (args.is(at, "get") || args.is(at, "by")) at += 1;
    else if (args.is(at, "store") && at + 1 < args.count) store = at + 1;
  }
  return store < 0 ? [0] : [0, store];
}
