/**
 * FLUSHALL [ASYNC | SYNC]
 *
 * Reply: OK. Deletes all keys of all databases. Complexity: O(databases).
 * https://redis.io/docs/latest/commands/flushall/
 * @module
 */
import { defineCommand } from "../command.ts";
import { parseFlush } from "./flush.ts";

export const flushall = defineCommand<null>({
  name: "flushall",
  code: 0x0402,
  arity: -1,
  flags: ["write"],
  keys: { first: 0, last: 0, step: 0 },
  tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  group: "server",
  since: "1.0.0",
  summary: "Remove all keys from all databases",
  complexity: "O(N) where N is the total number of keys in all databases",
  parse: parseFlush,
  run({ keyspace }, _, reply) {
    for (let number = 0; number < keyspace.databaseCount; number++) keyspace.flush(number);
    reply.ok();
  },
});
