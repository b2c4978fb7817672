/**
 * APPEND key value
 *
 * Reply: the length afterwards. A key that is absent is created. Complexity: O(length of value).
 * https://redis.io/docs/latest/commands/append/
 * @module
 */
import { defineCommand } from "../command.ts";
import { checkStringLength } from "../limits.ts";

interface Parsed {
  readonly key: Buffer;
  readonly value: Buffer;
}

export const append = defineCommand<Parsed>({
  name: "append",
  code: 0x0208,
  arity: 3,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW insert" }],
  group: "string",
  since: "2.0.0",
  summary: "Append a value to a key",
  complexity:
    "O(1). The amortized time complexity is O(1) assuming the appended value is small " +
    "and the already present value is of any size, since the dynamic string library used " +
    "by Redis will double the free space available on every reallocation.",
  parse: (args) => ({ key: args.bytes(0), value: args.bytes(1) }),
  run({ db }, { key, value }, reply) {
    const length = db.stringLength(key);
    if (length < 0) {
      db.setString(key, value);
      reply.integer(value.length);
      return;
    }
    checkStringLength(length, value.length);
    db.editString(key, length + value.length).set(value, length);
    reply.integer(length + value.length);
  },
});
