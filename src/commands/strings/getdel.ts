/**
 * GETDEL key
 *
 * Reply: the value, which is then deleted, or nil. Complexity: O(1).
 * https://redis.io/docs/latest/commands/getdel/
 * @module
 */
import { defineCommand } from "../command.ts";
import { counted } from "../counted.ts";

export const getdel = defineCommand<Buffer>({
  name: "getdel",
  code: 0x0207,
  arity: 2,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW access delete" }],
  group: "string",
  since: "6.2.0",
  summary: "Get the value of a key and delete the key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ keyspace, db }, key, reply) {
    const value = counted(keyspace, () => db.getString(key));
    if (value === null) {
      reply.nil();
      return;
    }
    reply.bulk(value);
    db.delete(key);
  },
});
