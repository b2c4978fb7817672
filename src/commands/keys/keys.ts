/**
 * KEYS pattern
 *
 * Reply: an array of all keys that match the glob pattern, in no order.
 * Complexity: O(keys of the database). https://redis.io/docs/latest/commands/keys/
 * @module
 */
import { defineCommand } from "../command.ts";
import { globMatches, matchesAll } from "../glob.ts";

const pageSize = 1024;

export const keys = defineCommand<Buffer>({
  name: "keys",
  code: 0,
  arity: 2,
  flags: ["readonly"],
  keys: { first: 0, last: 0, step: 0 },
  tips: ["request_policy:all_shards", "nondeterministic_output_order"],
  group: "generic",
  since: "1.0.0",
  summary: "Find all keys matching the given pattern",
  complexity:
    "O(N) with N being the number of keys in the database, under the assumption that the " +
    "key names in the database and the given pattern have limited length.",
  parse: (args) => args.bytes(0),
  run({ db, keyspace }, pattern, reply) {
    const found: Buffer[] = [];
    const every = matchesAll(pattern);
    let cursor = 0n;
    do {
      const page = keyspace.directory.scan(db.number, cursor, pageSize);
      for (const key of page.keys) if (every || globMatches(pattern, key)) found.push(key);
      cursor = page.cursor;
    } while (cursor !== 0n);
    reply.array(found.length);
    for (const key of found) reply.bulk(key);
  },
});
