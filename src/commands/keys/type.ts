/**
 * TYPE key
 *
 * Reply: a status: string, list, hash, set, zset, stream, or none. Complexity: O(1).
 * https://redis.io/docs/latest/commands/type/
 * @module
 */
import { defineCommand } from "../command.ts";

export const type = defineCommand<Buffer>({
  name: "type",
  code: 0,
  arity: 2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RO" }],
  group: "generic",
  since: "1.0.0",
  summary: "Determine the type stored at key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    reply.simple(db.typeOf(key) ?? "none");
  },
});
