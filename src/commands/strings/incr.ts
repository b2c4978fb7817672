/**
 * INCR key
 *
 * Reply: the number after the change by one; an absent key counts as 0 and the expiry is kept.
 * Complexity: O(1). https://redis.io/docs/latest/commands/incr/
 * @module
 */
import { defineCommand } from "../command.ts";
import { increment } from "./counter.ts";

export const incr = defineCommand<Buffer>({
  name: "incr",
  code: 0x020a,
  arity: 2,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "Increment the integer value of a key by one",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run: ({ db }, key, reply) => increment(db, key, 1, reply),
});
