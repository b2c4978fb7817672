/**
 * PEXPIRETIME key
 *
 * Reply: the expiry in milliseconds since 1970; -1 without expiry, -2 if there is no such key.
 * Complexity: O(1). https://redis.io/docs/latest/commands/pexpiretime/
 * @module
 */
import { defineCommand } from "../command.ts";
import { unitPxat } from "../expiry.ts";
import { runLifetime } from "./lifetime.ts";

export const pexpiretime = defineCommand<Buffer>({
  name: "pexpiretime",
  code: 0,
  arity: 2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "generic",
  since: "7.0.0",
  summary: "Get the expiration Unix timestamp for a key in milliseconds",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run: (context, key, reply) => runLifetime(context, key, reply, unitPxat),
});
