/**
 * BITOP AND | OR | XOR | NOT destkey key [key ...]
 *
 * Reply: the length of the result, which is that of the longest source; shorter ones and absent
 * keys are continued by zeros. An empty result deletes the destination. Complexity: O(bytes).
 * https://redis.io/docs/latest/commands/bitop/
 * @module
 */
import type { Database, Keyspace } from "../../keyspace/api.ts";
import { CommandError } from "../../keyspace/errors.ts";
import { defineCommand } from "../command.ts";
import { counted } from "../counted.ts";
import { syntaxError } from "../failures.ts";
import { keysFrom } from "../keyargs.ts";
import { invertBytes, mergeBytes } from "./words.ts";

type Operation = "and" | "or" | "xor" | "not";

interface Parsed {
  readonly operation: Operation;
  readonly target: Buffer;
  readonly sources: Buffer[];
}

const none = Buffer.alloc(0);
const operations = ["and", "or", "xor", "not"] as const;

/** One source is held at a time, as a view, however many and however long they are. */
function compute(
  operation: Operation,
  keyspace: Keyspace,
  db: Database,
  sources: readonly Buffer[],
): Buffer {
  let length = 0;
  for (const key of sources) length = Math.max(length, db.stringLength(key));
  const result = Buffer.from(new ArrayBuffer(length));
  // Bytes of the shortest source so far: the rest of an AND is zero.
  let shared = length;
  for (const [n, key] of sources.entries()) {
    const value = counted(keyspace, () => db.getString(key)) ?? none;
    const common = Math.min(shared, value.length);
    if (n === 0) result.set(value);
    else if (operation === "and") {
      mergeBytes("and", result, value, common);
      result.fill(0, common, shared);
    } else if (operation !== "not") mergeBytes(operation, result, value, value.length);
    shared = common;
  }
  if (operation === "not") invertBytes(result);
  return result;
}

export const bitop = defineCommand<Parsed>({
  name: "bitop",
  code: 0x0302,
  arity: -4,
  flags: ["write", "denyoom"],
  keys: { first: 2, last: -1, step: 1 },
  keySpecs: [
    { flags: "OW update", keys: { first: 2, last: 2, step: 1 } },
    { flags: "RO access", keys: { first: 3, last: -1, step: 1 } },
  ],
  group: "bitmap",
  since: "2.6.0",
  summary: "Perform bitwise operations between strings",
  complexity: "O(N)",
  parse(args) {
    const operation = operations.find((name) => args.is(0, name));
    if (operation === undefined) throw syntaxError();
    if (operation === "not" && args.count !== 3)
      throw new CommandError("ERR BITOP NOT must be called with a single source key.");
    return { operation, target: args.bytes(1), sources: keysFrom(args, 2) };
  },
  needs({ db }, { target, sources }, needs) {
    for (const key of sources) needs.read(db, key);
    needs.deletes(db, target);
  },
  run({ keyspace, db }, { operation, target, sources }, reply) {
    const result = compute(operation, keyspace, db, sources);
    if (result.length === 0) db.delete(target);
    else {
      // Drops an expiry; the edit makes the encoding raw, as in Redis.
      db.setString(target, result);
      db.editString(target, result.length);
    }
    reply.integer(result.length);
  },
});
