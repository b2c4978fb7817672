/**
 * BITFIELD key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL]
 * SET encoding offset value | INCRBY encoding offset increment ...]
 *
 * Reply: an array, one element for each GET, SET (the old value) and INCRBY (the new one); nil for
 * what OVERFLOW FAIL kept from being done. Complexity: O(operations).
 * https://redis.io/docs/latest/commands/bitfield/
 * @module
 */
import { defineCommand } from "../command.ts";
import { type Operations, parseOperations, runOperations, wouldChange } from "./operations.ts";

const empty = Buffer.alloc(0);

export const bitfield = defineCommand<Operations>({
  name: "bitfield",
  code: 0x0303,
  arity: -2,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [
    {
      flags: "RW access update variable_flags",
      notes: "This command allows both access and modification of the key",
    },
  ],
  group: "bitmap",
  since: "3.2.0",
  summary: "Perform arbitrary bitfield integer operations on strings",
  complexity: "O(1) for each subcommand specified",
  keyFlags(args) {
    for (let i = 1; i < args.count; i++)
      if (args.is(i, "set") || args.is(i, "incrby")) return "RW access update";
    return "RO access";
  },
  parse: parseOperations,
  reach: ({ bytesNeeded }) => bytesNeeded,
  run({ keyspace, db }, { key, list, bytesNeeded }, reply) {
    // GETs alone need no room.
    keyspace.counting = bytesNeeded === 0;
    const bytes = db.getString(key) ?? empty;
    // Operations that change no bit change nothing: watchers are not touched.
    const edits = bytesNeeded > bytes.length || (bytesNeeded > 0 && wouldChange(list, bytes));
    const target = edits ? db.editString(key, Math.max(bytes.length, bytesNeeded)) : bytes;
    runOperations(list, target, reply);
  },
});
