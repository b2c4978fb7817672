/**
 * MSET key value [key value ...]
 *
 * Reply: OK. All are set at once; of a key that is named twice the last value stays.
 * Complexity: O(keys). https://redis.io/docs/latest/commands/mset/
 * @module
 */
import { defineCommand, needsNothing } from "../command.ts";
import { pairsOf } from "../keyargs.ts";

export const mset = defineCommand<Buffer[]>({
  name: "mset",
  code: 0x020f,
  arity: -3,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: -1, step: 2 },
  keySpecs: [{ flags: "OW update" }],
  tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
  group: "string",
  since: "1.0.1",
  summary: "Set multiple keys to multiple values",
  complexity: "O(N) where N is the number of keys to set.",
  parse: (args) => pairsOf(args, "mset"),
  needs: needsNothing,
  run({ db }, pairs, reply) {
    for (let i = 0; i < pairs.length; i += 2)
      db.setString(pairs[i] as Buffer, pairs[i + 1] as Buffer);
    reply.ok();
  },
});
