/**
 * PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
 *
 * Reply: 1 if the expiry was set, 0 if there is no such key or the condition does not hold.
 * A time that is over deletes the key. Complexity: O(1).
 * https://redis.io/docs/latest/commands/pexpireat/
 * @module
 */
import { defineCommand } from "../command.ts";
import { unitPxat } from "../expiry.ts";
import { type Expiring, parseExpiring, runExpiring } from "./expiring.ts";

export const pexpireat = defineCommand<Expiring>({
  name: "pexpireat",
  code: 0x0109,
  arity: -3,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW update" }],
  group: "generic",
  since: "2.6.0",
  summary: "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
  complexity: "O(1)",
  parse: parseExpiring,
  run: (context, parsed, reply) => runExpiring(context, parsed, reply, unitPxat, "pexpireat"),
});
