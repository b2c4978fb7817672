/**
 * SETNX key value
 *
 * Reply: 1 if set, 0 if the key was there (of whatever type). Complexity: O(1).
 * https://redis.io/docs/latest/commands/setnx/
 * @module
 */
import { defineCommand } from "../command.ts";

interface Parsed {
  readonly key: Buffer;
  readonly value: Buffer;
}

export const setnx = defineCommand<Parsed>({
  name: "setnx",
  code: 0x0202,
  arity: 3,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "OW insert" }],
  group: "string",
  since: "1.0.0",
  summary: "Set the value of a key, only if the key does not exist",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), value: args.bytes(1) }),
  run({ db }, { key, value }, reply) {
    if (db.exists(key)) {
      reply.integer(0);
      return;
    }
    db.setString(key, value);
    reply.integer(1);
  },
});
