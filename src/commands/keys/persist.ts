/**
 * PERSIST key
 *
 * Reply: 1 if an expiry was removed, 0 if there was none or no such key. Complexity: O(1).
 * https://redis.io/docs/latest/commands/persist/
 * @module
 */
import { defineCommand } from "../command.ts";

export const persist = defineCommand<Buffer>({
  name: "persist",
  code: 0x010a,
  arity: 2,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW update" }],
  group: "generic",
  since: "2.2.0",
  summary: "Remove the expiration from a key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    const expires = db.expireAt(key) > 0;
    if (expires) db.setExpireAt(key, 0);
    reply.integer(expires ? 1 : 0);
  },
});
