/**
 * SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
 *
 * Reply: the next cursor ("0": complete) and an array of keys. A key that is there from the first
 * call to the last is returned at least once. Complexity: O(COUNT) a call.
 * https://redis.io/docs/latest/commands/scan/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Args } from "../args.ts";
import { defineCommand } from "../command.ts";
import { syntaxError } from "../failures.ts";
import { globMatches, matchesAll } from "../glob.ts";

interface Parsed {
  readonly cursor: bigint;
  readonly count: number;
  readonly pattern: Buffer | null;
  /** Lower case. */
  readonly type: string | null;
}

const countDefault = 10;
const uint64 = 2n ** 64n;

/** As C's strtoul: a sign is taken, a terminator ends it, a leading blank is refused. */
function cursorOf(text: string): bigint {
  const match = /^([+-]?)(\d+)$/.exec(text.split("\0", 1)[0] as string);
  if (text === "") return 0n;
  const value = match ? BigInt(match[2] as string) : uint64;
  if (value >= uint64) throw new CommandError("ERR invalid cursor");
  return match?.[1] === "-" ? BigInt.asUintN(64, -value) : value;
}

function parse(args: Args): Parsed {
  const cursor = cursorOf(args.beginning(0, 64));
  let count = countDefault;
  let pattern: Buffer | null = null;
  let type: string | null = null;
  for (let at = 1; at < args.count; at += 2) {
    if (at + 1 >= args.count) throw syntaxError();
    if (args.is(at, "count")) {
      count = args.long(at + 1);
      if (count < 1) throw syntaxError();
    } else if (args.is(at, "match")) {
      pattern = args.bytes(at + 1);
    } else if (args.is(at, "type")) {
      type = args.beginning(at + 1, 64).toLowerCase();
    } else throw syntaxError();
  }
  return { cursor, count, pattern, type };
}

export const scan = defineCommand<Parsed>({
  name: "scan",
  code: 0,
  arity: -2,
  flags: ["readonly"],
  keys: { first: 0, last: 0, step: 0 },
  tips: ["nondeterministic_output", "request_policy:special"],
  group: "generic",
  since: "2.8.0",
  summary: "Incrementally iterate the keys space",
  complexity:
    "O(1) for every call. O(N) for a complete iteration, including enough command calls " +
    "for the cursor to return back to 0. N is the number of elements inside the " +
    "collection.",
  parse,
  run({ db, keyspace }, { cursor, count, pattern, type }, reply) {
    const page = keyspace.directory.scan(db.number, cursor, count);
    const every = pattern === null || matchesAll(pattern);
    const found = page.keys.filter(
      (key) => (every || globMatches(pattern, key)) && (type === null || db.typeOf(key) === type),
    );
    reply.array(2);
    reply.bulkText(page.cursor.toString());
    reply.array(found.length);
    for (const key of found) reply.bulk(key);
  },
});
