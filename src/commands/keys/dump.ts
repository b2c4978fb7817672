/**
 * DUMP key
 *
 * Reply: the value in Redis's serialization (RDB 10 with a checksum), or nil. Complexity: O(size).
 * https://redis.io/docs/latest/commands/dump/
 * @module
 */
import { defineCommand } from "../command.ts";
import { encodePayload } from "./rdb/payload.ts";

export const dump = defineCommand<Buffer>({
  name: "dump",
  code: 0,
  arity: 2,
  flags: ["readonly"],
  keys: { first: 1, last: 1, step: 1 },
  tips: ["nondeterministic_output"],
  group: "generic",
  since: "2.6.0",
  summary: "Return a serialized version of the value stored at the specified key.",
  complexity:
    "O(1) to access the key and additional O(N*M) to serialize it, where N is the number " +
    "of Redis objects composing the value and M their average size. For small string " +
    "values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    const value = db.getString(key);
    if (value === null) reply.nil();
    else reply.bulk(encodePayload(value));
  },
});
