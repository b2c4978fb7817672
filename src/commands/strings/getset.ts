/**
 * GETSET key value
 *
 * Reply: the old value or nil. The expiry is removed. Complexity: O(1).
 * https://redis.io/docs/latest/commands/getset/
 * @module
 */
import { defineCommand } from "../command.ts";
import { counted } from "../counted.ts";

interface Parsed {
  readonly key: Buffer;
  readonly value: Buffer;
}

export const getset = defineCommand<Parsed>({
  name: "getset",
  code: 0x0205,
  arity: 3,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "Set the string value of a key and return its old value",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), value: args.bytes(1) }),
  run({ keyspace, db }, { key, value }, reply) {
    const old = counted(keyspace, () => db.getString(key));
    if (old === null) reply.nil();
    else reply.bulk(old);
    db.setString(key, value);
  },
});
