/**
 * TOUCH key [key ...]
 *
 * Reply: how many are there. Their last access becomes now, on this node. Complexity: O(keys).
 * https://redis.io/docs/latest/commands/touch/
 * @module
 */
import { defineCommand } from "../command.ts";
import { eachKey, keysFrom } from "../keyargs.ts";

export const touch = defineCommand<Buffer[]>({
  name: "touch",
  code: 0,
  arity: -2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: -1, step: 1 },
  keySpecs: [{ flags: "RO" }],
  tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
  group: "generic",
  since: "3.2.1",
  summary:
    "Alters the last access time of a key(s). Returns the number of existing keys " + "specified.",
  complexity: "O(N) where N is the number of keys that will be touched.",
  parse: (args) => keysFrom(args, 0),
  run({ db }, keys, reply) {
    let touched = 0;
    eachKey(db, keys, (key) => {
      if (db.touch(key)) touched++;
    });
    reply.integer(touched);
  },
});
