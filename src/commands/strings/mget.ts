/**
 * MGET key [key ...]
 *
 * Reply: an array of the values; nil for keys that are absent or hold no string.
 * Complexity: O(keys). https://redis.io/docs/latest/commands/mget/
 * @module
 */
import { defineCommand } from "../command.ts";
import { eachKey, keysFrom } from "../keyargs.ts";

export const mget = defineCommand<Buffer[]>({
  name: "mget",
  code: 0,
  arity: -2,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: -1, step: 1 },
  tips: ["request_policy:multi_shard"],
  group: "string",
  since: "1.0.0",
  summary: "Get the values of all the given keys",
  complexity: "O(N) where N is the number of keys to retrieve.",
  parse: (args) => keysFrom(args, 0),
  run({ keyspace, db }, keys, reply) {
    const strings: boolean[] = [];
    // Whatever cannot be read is met here: an array that has begun could not be taken back.
    eachKey(db, keys, (key) => strings.push(db.typeOf(key) === "string"));
    // Each was counted.
    keyspace.counting = false;
    reply.array(keys.length);
    for (let n = 0; n < keys.length; n++) {
      const value = strings[n] === true ? db.getString(keys[n] as Buffer) : null;
      if (value === null) reply.nil();
      else reply.bulk(value);
    }
  },
});
