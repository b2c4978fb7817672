/**
 * EXISTS key [key ...]
 *
 * Reply: how many are there; a key named twice counts twice. Complexity: O(keys).
 * https://redis.io/docs/latest/commands/exists/
 * @module
 */
import { defineCommand } from "../command.ts";
import { eachKey, keysFrom } from "../keyargs.ts";

export const exists = defineCommand<Buffer[]>({
  name: "exists",
  code: 0,
  arity: -2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: -1, step: 1 },
  keySpecs: [{ flags: "RO" }],
  tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
  group: "generic",
  since: "1.0.0",
  summary: "Determine if a key exists",
  complexity: "O(N) where N is the number of keys to check.",
  parse: (args) => keysFrom(args, 0),
  run({ db }, keys, reply) {
    let present = 0;
    eachKey(db, keys, (key) => {
      if (db.exists(key)) present++;
    });
    reply.integer(present);
  },
});
