/**
 * MSETNX key value [key value ...]
 *
 * Reply: 1 if all were set; 0 if any key was there, and then none is set. Complexity: O(keys).
 * https://redis.io/docs/latest/commands/msetnx/
 * @module
 */
import { defineCommand } from "../command.ts";
import { pairsOf } from "../keyargs.ts";

export const msetnx = defineCommand<Buffer[]>({
  name: "msetnx",
  code: 0x0210,
  arity: -3,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: -1, step: 2 },
  keySpecs: [{ flags: "OW insert" }],
  tips: ["request_policy:multi_shard", "response_policy:agg_min"],
  group: "string",
  since: "1.0.1",
  summary: "Set multiple keys to multiple values, only if none of the keys exist",
  complexity: "O(N) where N is the number of keys to set.",
  parse: (args) => pairsOf(args, "msetnx"),
  run({ db }, pairs, reply) {
    for (let i = 0; i < pairs.length; i += 2) {
      if (!db.exists(pairs[i] as Buffer)) continue;
      reply.integer(0);
      return;
    }
    for (let i = 0; i < pairs.length; i += 2)
      db.setString(pairs[i] as Buffer, pairs[i + 1] as Buffer);
    reply.integer(1);
  },
});
