/**
 * OBJECT ENCODING key
 *
 * Reply: how Redis would hold the value ("int", "embstr", "raw"), nil if there is no such key.
 * Complexity: O(1). https://redis.io/docs/latest/commands/object-encoding/
 * @module
 */
import { defineCommand } from "../../command.ts";

export const encoding = defineCommand<Buffer>({
  name: "object|encoding",
  code: 0,
  arity: 3,
  flags: ["readonly"],
  keys: { first: 2, last: 2, step: 1 },
  keySpecs: [{ flags: "RO" }],
  tips: ["nondeterministic_output"],
  group: "generic",
  since: "2.2.3",
  summary: "Inspect the internal encoding of a Redis object",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    const name = db.encoding(key);
    if (name === null) reply.nil();
    else reply.bulkText(name);
  },
});
