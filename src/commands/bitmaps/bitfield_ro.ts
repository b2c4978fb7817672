/**
 * BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]
 *
 * Reply: an array of the fields. Complexity: O(operations).
 * https://redis.io/docs/latest/commands/bitfield_ro/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { defineCommand } from "../command.ts";
import { type Operations, parseOperations, runOperations } from "./operations.ts";

const empty = Buffer.alloc(0);

export const bitfieldRo = defineCommand<Operations>({
  name: "bitfield_ro",
  code: 0,
  arity: -2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "bitmap",
  since: "6.0.0",
  summary:
    "Perform arbitrary bitfield integer operations on strings. Read-only variant of " + "BITFIELD",
  complexity: "O(1) for each subcommand specified",
  parse(args) {
    const operations = parseOperations(args);
    if (operations.bytesNeeded > 0)
      throw new CommandError("ERR BITFIELD_RO only supports the GET subcommand");
    return operations;
  },
  run({ db }, { key, list }, reply) {
    runOperations(list, db.getString(key) ?? empty, reply);
  },
});
