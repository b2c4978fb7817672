/**
 * DECRBY key decrement
 *
 * Reply: the number afterwards; an absent key counts as 0 and the expiry is kept. The smallest
 * 64-bit integer is refused: it has no positive counterpart.
 * Complexity: O(1). https://redis.io/docs/latest/commands/decrby/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { defineCommand } from "../command.ts";
import { smallInteger } from "../numbers.ts";
import { increment } from "./counter.ts";

interface Parsed {
  readonly key: Buffer;
  readonly by: number | bigint;
}

export const decrby = defineCommand<Parsed>({
  name: "decrby",
  code: 0x020d,
  arity: 3,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "Decrement the integer value of a key by the given number",
  complexity: "O(1)",
  parse(args) {
    const small = smallInteger(args.buffer, args.start(1), args.end(1));
    if (!Number.isNaN(small)) return { key: args.bytes(0), by: -small };
    const by = args.int64(1);
    if (by === -(2n ** 63n)) throw new CommandError("ERR decrement would overflow");
    return { key: args.bytes(0), by: -by };
  },
  run: ({ db }, { key, by }, reply) => increment(db, key, by, reply),
});
