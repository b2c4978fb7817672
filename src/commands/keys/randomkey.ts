/**
 * RANDOMKEY
 *
 * Reply: some key of the database, or nil if it is empty. Complexity: O(1).
 * https://redis.io/docs/latest/commands/randomkey/
 * @module
 */
import { defineCommand } from "../command.ts";

export const randomkey = defineCommand<null>({
  name: "randomkey",
  code: 0,
  arity: 1,
  flags: ["readonly"],
  keys: { first: 0, last: 0, step: 0 },
  tips: ["request_policy:all_shards", "nondeterministic_output"],
  group: "generic",
  since: "1.0.0",
  summary: "Return a random key from the keyspace",
  complexity: "O(1)",
  parse: () => null,
  run({ db, keyspace }, _, reply) {
    const key = keyspace.directory.random(db.number);
    if (key === null) reply.nil();
    else reply.bulk(key);
  },
});
