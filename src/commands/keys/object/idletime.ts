/**
 * OBJECT IDLETIME key
 *
 * Reply: whole seconds since the last access on this node, nil if there is no such key.
 * Complexity: O(1). https://redis.io/docs/latest/commands/object-idletime/
 * @module
 */
import { defineCommand } from "../../command.ts";

export const idletime = defineCommand<Buffer>({
  name: "object|idletime",
  code: 0,
  arity: 3,
  flags: ["readonly"],
  keys: { first: 2, last: 2, step: 1 },
  keySpecs: [{ flags: "RO" }],
  tips: ["nondeterministic_output"],
  group: "generic",
  since: "2.2.3",
  summary: "Get the time since a Redis object was last accessed",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    const seconds = db.idleSeconds(key);
    if (seconds < 0) reply.nil();
    else reply.integer(seconds);
  },
});
