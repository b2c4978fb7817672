/**
 * PTTL key
 *
 * Reply: milliseconds left; -1 without expiry, -2 if there is no such key.
 * Complexity: O(1). https://redis.io/docs/latest/commands/pttl/
 * @module
 */
import { defineCommand } from "../command.ts";
import { unitPx } from "../expiry.ts";
import { runLifetime } from "./lifetime.ts";

export const pttl = defineCommand<Buffer>({
  name: "pttl",
  code: 0,
  arity: 2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  tips: ["nondeterministic_output"],
  group: "generic",
  since: "2.6.0",
  summary: "Get the time to live for a key in milliseconds",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run: (context, key, reply) => runLifetime(context, key, reply, unitPx),
});
