/**
 * OBJECT REFCOUNT key
 *
 * Reply: 1, or nil if there is no such key. Redis shares the integers below 10000, and clients'
 * suites look at that: they report its count. Complexity: O(1).
 * https://redis.io/docs/latest/commands/object-refcount/
 * @module
 */
import type { Database } from "../../../keyspace/api.ts";
import { defineCommand } from "../../command.ts";
import { smallInteger } from "../../numbers.ts";

const sharedCount = 2 ** 31 - 1;
const sharedIntegers = 10_000;

function isShared(db: Database, key: Buffer): boolean {
  if (db.encoding(key) !== "int") return false;
  const value = db.getString(key);
  const number = value === null ? Number.NaN : smallInteger(value, 0, value.length);
  return number >= 0 && number < sharedIntegers;
}

/** What Redis would report; the key is there. */
export function referencesTo(db: Database, key: Buffer): number {
  return isShared(db, key) ? sharedCount : 1;
}

export const refcount = defineCommand<Buffer>({
  name: "object|refcount",
  code: 0,
  arity: 3,
  flags: ["readonly"],
  keys: { first: 2, last: 2, step: 1 },
  keySpecs: [{ flags: "RO" }],
  tips: ["nondeterministic_output"],
  group: "generic",
  since: "2.2.3",
  summary: "Get the number of references to the value of the key",
  complexity: "O(1)",
  parse: (args) => args.bytes(0),
  run({ db }, key, reply) {
    if (!db.exists(key)) reply.nil();
    else reply.integer(referencesTo(db, key));
  },
});
