/**
 * DBSIZE
 *
 * Reply: how many keys the database holds. Complexity: O(1).
 * https://redis.io/docs/latest/commands/dbsize/
 * @module
 */
import { defineCommand } from "../command.ts";

export const dbsize = defineCommand<null>({
  name: "dbsize",
  code: 0,
  arity: 1,
  flags: ["readonly", "fast"],
  keys: { first: 0, last: 0, step: 0 },
  tips: ["request_policy:all_shards", "response_policy:agg_sum"],
  group: "server",
  since: "1.0.0",
  summary: "Return the number of keys in the selected database",
  complexity: "O(1)",
  parse: () => null,
  run({ db, keyspace }, _, reply) {
    reply.integer(keyspace.directory.count(db.number));
  },
});
