/**
 * EXPIRE key seconds [NX | XX | GT | LT]
 *
 * Reply: 1 if the expiry was set, 0 if there is no such key or the condition does not hold.
 * A time that is over deletes the key. Complexity: O(1).
 * https://redis.io/docs/latest/commands/expire/
 * @module
 */
import { defineCommand } from "../command.ts";
import { unitEx } from "../expiry.ts";
import { type Expiring, parseExpiring, runExpiring } from "./expiring.ts";

export const expire = defineCommand<Expiring>({
  name: "expire",
  code: 0x0106,
  arity: -3,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW update" }],
  group: "generic",
  since: "1.0.0",
  summary: "Set a key's time to live in seconds",
  complexity: "O(1)",
  parse: parseExpiring,
  run: (context, parsed, reply) => runExpiring(context, parsed, reply, unitEx, "expire"),
});
