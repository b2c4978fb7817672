/**
 * GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds |
 * PXAT unix-time-milliseconds | PERSIST]
 *
 * Reply: the value or nil. Sets or removes the expiry; a time in the past deletes the key.
 * Complexity: O(1). https://redis.io/docs/latest/commands/getex/
 * @module
 */
import type { Args } from "../args.ts";
import { defineCommand } from "../command.ts";
import { counted } from "../counted.ts";
import { optionExpireAt, parseStringOptions, type StringOptions } from "./options.ts";

interface Parsed {
  readonly key: Buffer;
  readonly args: Args;
  readonly options: StringOptions;
}

export const getex = defineCommand<Parsed>({
  name: "getex",
  code: 0x0206,
  arity: -2,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "RW access update", notes: "RW and UPDATE because it changes the TTL" }],
  group: "string",
  since: "6.2.0",
  summary: "Get the value of a key and optionally set its expiration",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), args, options: parseStringOptions(args, 1, "getex") }),
  run({ keyspace, db }, { key, args, options }, reply) {
    const value = counted(keyspace, () => db.getString(key));
    if (value === null) {
      reply.nil();
      return;
    }
    const expireAt = optionExpireAt(args, options, db.nowMs, "getex");
    reply.bulk(value);
    if (expireAt !== undefined) db.setExpireAt(key, expireAt);
    else if (options.persist && db.expireAt(key) > 0) db.setExpireAt(key, 0);
  },
});
