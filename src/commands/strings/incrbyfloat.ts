/**
 * INCRBYFLOAT key increment
 *
 * Reply: the number afterwards as text, without exponent and trailing zeros, at most 17 digits
 * after the point; an absent key counts as 0 and the expiry is kept.
 * Complexity: O(1). https://redis.io/docs/latest/commands/incrbyfloat/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { floatBytesMax } from "../args.ts";
import { defineCommand } from "../command.ts";
import { notAFloat } from "../failures.ts";
import {
  addLongDouble,
  formatLongDouble,
  type LongDouble,
  longDoubleZero,
  parseLongDouble,
} from "../longdouble.ts";

interface Parsed {
  readonly key: Buffer;
  /** Null: no number, which is told only after the key's type was looked at, as in Redis. */
  readonly by: LongDouble | null;
}

/** Null: no number. What is longer than any is not made into text. */
function numberIn(bytes: Buffer): LongDouble | null {
  return bytes.length < floatBytesMax ? parseLongDouble(bytes.toString("latin1")) : null;
}

export const incrbyfloat = defineCommand<Parsed>({
  name: "incrbyfloat",
  code: 0x020e,
  arity: 3,
  flags: ["write", "denyoom", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "string",
  since: "2.6.0",
  summary: "Increment the float value of a key by the given amount",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), by: numberIn(args.bytes(1)) }),
  run({ db }, { key, by }, reply) {
    const value = db.getString(key);
    const old = value === null ? longDoubleZero : numberIn(value);
    if (old === null || by === null) throw notAFloat();
    const sum = addLongDouble(old, by);
    if (sum === null) throw new CommandError("ERR increment would produce NaN or Infinity");
    const text = Buffer.from(formatLongDouble(sum), "latin1");
    db.setString(key, text, { keepTtl: true });
    reply.bulk(text);
  },
});
