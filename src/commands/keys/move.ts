/**
 * MOVE key db
 *
 * Reply: 1 if moved, with the expiry; 0 if it is absent here or present there. Complexity: O(1).
 * https://redis.io/docs/latest/commands/move/
 * @module
 */
import { defineCommand } from "../command.ts";
import { sameObject } from "../failures.ts";
import { databaseAt } from "./database.ts";

interface Parsed {
  readonly key: Buffer;
  readonly target: number;
}

export const move = defineCommand<Parsed>({
  name: "move",
  code: 0x010b,
  arity: 3,
  flags: ["write", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "generic",
  since: "1.0.0",
  summary: "Move a key to another database",
  complexity: "O(1)",
  parse: (args) => ({ key: args.bytes(0), target: databaseAt(args, 1) }),
  needs({ db, keyspace }, { key, target }, needs) {
    needs.read(db, key);
    needs.read(keyspace.database(target), key);
  },
  run({ db, keyspace }, { key, target }, reply) {
    if (target === db.number) throw sameObject();
    const into = keyspace.database(target);
    const moves = db.exists(key) && !into.exists(key);
    if (moves) {
      db.copy(key, into, key);
      db.delete(key);
    }
    reply.integer(moves ? 1 : 0);
  },
});
