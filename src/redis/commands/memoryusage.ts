/**
 * The read behind MEMORY USAGE: bytes that a key takes when it is resident, or nil.
 * @module
 */
import { type CommandSpec, defineCommand } from "../../commands/command.ts";

export const memoryUsage: CommandSpec = defineCommand<Buffer>({
  name: "memory|usage",
  code: 0,
  arity: -3,
  flags: ["readonly"],
  keys: { first: 1, last: 1, step: 1 },
  group: "server",
  since: "4.0.0",
  summary: "Estimate the memory usage of a key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run: ({ db }, key, reply) => {
    const bytes = db.memoryBytes(key);
    if (bytes < 0) reply.nil();
    else reply.integer(bytes);
  },
}) as CommandSpec;
