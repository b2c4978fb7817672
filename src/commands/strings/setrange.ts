/**
 * SETRANGE key offset value
 *
 * Reply: the length afterwards. A gap before `offset` is filled with zero bytes; an empty value
 * changes nothing. Complexity: O(length of value + gap).
 * https://redis.io/docs/latest/commands/setrange/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { defineCommand } from "../command.ts";
import { checkStringLength } from "../limits.ts";

interface Parsed {
  readonly key: Buffer;
  readonly offset: number;
  readonly value: Buffer;
}

export const setrange = defineCommand<Parsed>({
  name: "setrange",
  code: 0x0209,
  arity: 4,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW update" }],
  group: "string",
  since: "2.2.0",
  summary: "Overwrite part of a string at key starting at the specified offset",
  complexity:
    "O(1), not counting the time taken to copy the new string in place. Usually, this " +
    "string is very small so the amortized complexity is O(1). Otherwise, complexity is " +
    "O(M) with M being the length of the value argument.",
  parse(args) {
    const offset = args.long(1);
    if (offset < 0) throw new CommandError("ERR offset is out of range");
    return { key: args.bytes(0), offset, value: args.bytes(2) };
  },
  reach: ({ offset, value }) => offset + value.length,
  run({ db }, { key, offset, value }, reply) {
    const length = Math.max(0, db.stringLength(key));
    if (value.length === 0) {
      reply.integer(length);
      return;
    }
    checkStringLength(offset, value.length);
    const after = Math.max(length, offset + value.length);
    db.editString(key, after).set(value, offset);
    reply.integer(after);
  },
});
