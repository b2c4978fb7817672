/**
 * SETEX key seconds value
 *
 * Reply: OK. Complexity: O(1). https://redis.io/docs/latest/commands/setex/
 * @module
 */
import { defineCommand, needsNothing } from "../command.ts";
import { positiveExpireAtOf, unitEx } from "../expiry.ts";

interface Parsed {
  readonly key: Buffer;
  readonly time: bigint;
  readonly value: Buffer;
}

export const setex = defineCommand<Parsed>({
  name: "setex",
  code: 0x0203,
  arity: 4,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "OW update" }],
  group: "string",
  since: "2.0.0",
  summary: "Set the value and expiration of a key",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), time: args.int64(1), value: args.bytes(2) }),
  needs: needsNothing,
  run({ db }, { key, time, value }, reply) {
    const expireAt = positiveExpireAtOf(time, unitEx, db.nowMs, "setex");
    db.setString(key, value, { expireAt });
    reply.ok();
  },
});
