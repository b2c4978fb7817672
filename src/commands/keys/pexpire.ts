/**
 * PEXPIRE key milliseconds [NX | XX | GT | LT]
 *
 * Reply: 1 if the expiry was set, 0 if there is no such key or the condition does not hold.
 * A time that is over deletes the key. Complexity: O(1).
 * https://redis.io/docs/latest/commands/pexpire/
 * @module
 */
import { defineCommand } from "../command.ts";
import { unitPx } from "../expiry.ts";
import { type Expiring, parseExpiring, runExpiring } from "./expiring.ts";

export const pexpire = defineCommand<Expiring>({
  name: "pexpire",
  code: 0x0107,
  arity: -3,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW update" }],
  group: "generic",
  since: "2.6.0",
  summary: "Set a key's time to live in milliseconds",
  complexity: "O(1)",
  parse: parseExpiring,
  run: (context, parsed, reply) => runExpiring(context, parsed, reply, unitPx, "pexpire"),
});
