/**
 * STRLEN key
 *
 * Reply: the length in bytes, 0 if there is no such key. Complexity: O(1).
 * https://redis.io/docs/latest/commands/strlen/
 * @module
 */
import { defineCommand } from "../command.ts";

export const strlen = defineCommand<Buffer>({
  name: "strlen",
  code: 0,
  arity: 2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RO" }],
  group: "string",
  since: "2.2.0",
  summary: "Get the length of the value stored in a key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    reply.integer(Math.max(0, db.stringLength(key)));
  },
});
