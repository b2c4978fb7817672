/**
 * COPY source destination [DB destination-db] [REPLACE]
 *
 * Reply: 1 if copied, with the expiry; 0 if the source is absent, or the destination is there and
 * REPLACE was not given. Complexity: O(size). https://redis.io/docs/latest/commands/copy/
 * @module
 */
import { equalBytes } from "../../base/bytes.ts";
import { defineCommand } from "../command.ts";
import { counted } from "../counted.ts";
import { sameObject, syntaxError } from "../failures.ts";
import { databaseAt } from "./database.ts";

interface Parsed {
  readonly from: Buffer;
  readonly to: Buffer;
  /** -1: the selected one. */
  readonly target: number;
  readonly replace: boolean;
}

export const copy = defineCommand<Parsed>({
  name: "copy",
  code: 0x0105,
  arity: -3,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 2, step: 1 },
  keySpecs: [
    { flags: "RO access", keys: { first: 1, last: 1, step: 1 } },
    { flags: "OW update", keys: { first: 2, last: 2, step: 1 } },
  ],
  group: "generic",
  since: "6.2.0",
  summary: "Copy a key",
  complexity:
    "O(N) worst case for collections, where N is the number of nested items. O(1) for " +
    "string values.",
  parse(args) {
    let target = -1;
    let replace = false;
    for (let at = 2; at < args.count; at++) {
      if (args.is(at, "replace")) replace = true;
      else if (args.is(at, "db") && at + 1 < args.count) target = databaseAt(args, ++at);
      else throw syntaxError();
    }
    return { from: args.bytes(0), to: args.bytes(1), target, replace };
  },
  needs({ db, keyspace }, { from, to, target, replace }, needs) {
    needs.read(db, from);
    if (!replace) needs.read(target < 0 ? db : keyspace.database(target), to);
  },
  run({ db, keyspace }, { from, to, target, replace }, reply) {
    const into = target < 0 || target === db.number ? db : keyspace.database(target);
    if (into === db && equalBytes(from, to)) throw sameObject();
    const copied = counted(keyspace, () => db.exists(from)) && (replace || !into.exists(to));
    if (copied) db.copy(from, into, to);
    reply.integer(copied ? 1 : 0);
  },
});
