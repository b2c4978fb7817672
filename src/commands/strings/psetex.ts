/**
 * PSETEX key milliseconds value
 *
 * Reply: OK. Complexity: O(1). https://redis.io/docs/latest/commands/psetex/
 * @module
 */
import { defineCommand, needsNothing } from "../command.ts";
import { positiveExpireAtOf, unitPx } from "../expiry.ts";

interface Parsed {
  readonly key: Buffer;
  readonly time: bigint;
  readonly value: Buffer;
}

export const psetex = defineCommand<Parsed>({
  name: "psetex",
  code: 0x0204,
  arity: 4,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "OW update" }],
  group: "string",
  since: "2.6.0",
  summary: "Set the value and expiration in milliseconds of a key",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), time: args.int64(1), value: args.bytes(2) }),
  needs: needsNothing,
  run({ db }, { key, time, value }, reply) {
    const expireAt = positiveExpireAtOf(time, unitPx, db.nowMs, "psetex");
    db.setString(key, value, { expireAt });
    reply.ok();
  },
});
