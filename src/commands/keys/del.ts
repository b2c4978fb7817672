/**
 * DEL key [key ...]
 *
 * Reply: how many were there and are deleted. Complexity: O(keys).
 * https://redis.io/docs/latest/commands/del/
 * @module
 */
import { defineCommand } from "../command.ts";
import { eachKey, keysFrom } from "../keyargs.ts";

export const del = defineCommand<Buffer[]>({
  name: "del",
  code: 0x0101,
  arity: -2,
  flags: ["write"],
  keys: { first: 1, last: -1, step: 1 },
  keySpecs: [{ flags: "RM delete" }],
  tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
  group: "generic",
  since: "1.0.0",
  summary: "Delete a key",
  complexity:
    "O(N) where N is the number of keys that will be removed. When a key to remove holds " +
    "a value other than a string, the individual complexity for this key is O(M) where M " +
    "is the number of elements in the list, set, sorted set or hash. Removing a single " +
    "key that holds a string value is O(1).",
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
