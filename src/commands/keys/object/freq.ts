/**
 * OBJECT FREQ key
 *
 * Reply: an error, since accesses are not counted; nil if there is no such key.
 * Complexity: O(1). https://redis.io/docs/latest/commands/object-freq/
 * @module
 */
import { CommandError } from "../../../keyspace/errors.ts";
import { defineCommand } from "../../command.ts";

const notCounted =
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that " +
  "when switching between policies at runtime LRU and LFU data will take some time to adjust.";

export const freq = defineCommand<Buffer>({
  name: "object|freq",
  code: 0,
  arity: 3,
  flags: ["readonly"],
  keys: { first: 2, last: 2, step: 1 },
  keySpecs: [{ flags: "RO" }],
  tips: ["nondeterministic_output"],
  group: "generic",
  since: "4.0.0",
  summary: "Get the logarithmic access frequency counter of a Redis object",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    if (db.exists(key)) throw new CommandError(notCounted);
    reply.nil();
  },
});
