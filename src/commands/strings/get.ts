/**
 * GET key
 *
 * Reply: the value, or nil if there is none. Complexity: O(1).
 * https://redis.io/docs/latest/commands/get/
 * @module
 */
import { defineCommand } from "../command.ts";

export const get = defineCommand<Buffer>({
  name: "get",
  code: 0,
  arity: 2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "Get the value of a key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    const value = db.getString(key);
    if (value === null) reply.nil();
    else reply.bulk(value);
  },
});
