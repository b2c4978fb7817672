/**
 * MGET key [key ...]
 *
 * Reply: an array of the values; nil for keys that are absent or hold no string.
 * Complexity: O(keys). https://redis.io/docs/latest/commands/mget/
 * @module
 */
import { defineCommand } from "../command.ts";
import { keysFrom } from "../keyargs.ts";

export const mget = defineCommand<Buffer[]>({
  name: "mget",
  code: 0,
  arity: -2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: -1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "Get the values of all the given keys",
  complexity: "O(N) where N is the number of keys to retrieve.",
  parse: (args) => keysFrom(args, 0),
  run({ db }, keys, reply) {
    reply.array(keys.length);
    for (const key of keys) {
      const value = db.typeOf(key) === "string" ? db.getString(key) : null;
      if (value === null) reply.nil();
      else reply.bulk(value);
    }
  },
});
