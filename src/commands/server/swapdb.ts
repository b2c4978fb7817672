/**
 * SWAPDB index1 index2
 *
 * Reply: OK. Exchanges the contents of two databases, for all connections at once.
 * Complexity: O(1). https://redis.io/docs/latest/commands/swapdb/
 * @module
 */
import { defineCommand } from "../command.ts";
import { databaseRange } from "../failures.ts";

interface Parsed {
  readonly one: number;
  readonly other: number;
}

const int32Max = 2 ** 31 - 1;

export const swapdb = defineCommand<Parsed>({
  name: "swapdb",
  code: 0x0403,
  arity: 3,
  flags: ["write", "fast"],
  keys: { first: 0, last: 0, step: 0 },
  group: "server",
  since: "4.0.0",
  summary: "Swaps two Redis databases",
  complexity:
    "O(N) where N is the count of clients watching or blocking on keys from both " + "databases.",
  parse(args) {
    const one = args.integer(0, "ERR invalid first DB index", -int32Max - 1, int32Max);
    const other = args.integer(1, "ERR invalid second DB index", -int32Max - 1, int32Max);
    return { one, other };
  },
  run({ keyspace }, { one, other }, reply) {
    for (const number of [one, other])
      if (number < 0 || number >= keyspace.databaseCount) throw databaseRange();
    if (one !== other) keyspace.swap(one, other);
    reply.ok();
  },
});
