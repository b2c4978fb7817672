/**
 * FLUSHDB [ASYNC | SYNC]
 *
 * Reply: OK. Deletes all keys of the database. Complexity: O(1).
 * https://redis.io/docs/latest/commands/flushdb/
 * @module
 */
import { defineCommand } from "../command.ts";
import { parseFlush } from "./flush.ts";

export const flushdb = defineCommand<null>({
  name: "flushdb",
  code: 0x0401,
  arity: -1,
  flags: ["write"],
  keys: { first: 0, last: 0, step: 0 },
  tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  group: "server",
  since: "1.0.0",
  summary: "Remove all keys from the current database",
  complexity: "O(N) where N is the number of keys in the selected database",
  parse: parseFlush,
  run({ db, keyspace }, _, reply) {
    keyspace.flush(db.number);
    reply.ok();
  },
});
