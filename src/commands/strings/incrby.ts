/**
 * INCRBY key increment
 *
 * Reply: the number afterwards; an absent key counts as 0 and the expiry is kept.
 * Complexity: O(1). https://redis.io/docs/latest/commands/incrby/
 * @module
 */
import { defineCommand } from "../command.ts";
import { smallInteger } from "../numbers.ts";
import { increment } from "./counter.ts";

interface Parsed {
  readonly key: Buffer;
  readonly by: number | bigint;
}

export const incrby = defineCommand<Parsed>({
  name: "incrby",
  code: 0x020c,
  arity: 3,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "Increment the integer value of a key by the given amount",
  complexity: "O(1)",
  parse(args) {
    const small = smallInteger(args.buffer, args.start(1), args.end(1));
    return { key: args.bytes(0), by: Number.isNaN(small) ? args.int64(1) : small };
  },
  run: ({ db }, { key, by }, reply) => increment(db, key, by, reply),
});
