/**
 * UNLINK key [key ...]
 *
 * Reply: how many were there and are deleted. Complexity: O(keys).
 * https://redis.io/docs/latest/commands/unlink/
 * @module
 */
import { defineCommand } from "../command.ts";
import { eachKey, keysFrom } from "../keyargs.ts";

export const unlink = defineCommand<Buffer[]>({
  name: "unlink",
  code: 0x0102,
  arity: -2,
  flags: ["write", "fast"],
  keys: { first: 1, last: -1, step: 1 },
  keySpecs: [{ flags: "RM delete" }],
  tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
  group: "generic",
  since: "4.0.0",
  summary:
    "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non " +
    "blocking.",
  complexity:
    "O(1) for each key removed regardless of its size. Then the command does O(N) work " +
    "in a different thread in order to reclaim memory, where N is the number of " +
    "allocations the deleted objects where composed of.",
  parse: (args) => keysFrom(args, 0),
  needs({ db }, keys, needs) {
    eachKey(db, keys, (key) => needs.deletes(db, key));
  },
  run({ db }, keys, reply) {
    let deleted = 0;
    eachKey(db, keys, (key) => {
      if (db.delete(key)) deleted++;
    });
    reply.integer(deleted);
  },
});
