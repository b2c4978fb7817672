/**
 * RENAMENX key newkey
 *
 * Reply: 1 if renamed, 0 if `newkey` was there. Complexity: O(1).
 * https://redis.io/docs/latest/commands/renamenx/
 * @module
 */
import { defineCommand } from "../command.ts";
import { noSuchKey } from "../failures.ts";

interface Parsed {
  readonly from: Buffer;
  readonly to: Buffer;
}

export const renamenx = defineCommand<Parsed>({
  name: "renamenx",
  code: 0x0104,
  arity: 3,
  flags: ["write", "fast"],
  keys: { first: 1, last: 2, step: 1 },
  keySpecs: [
    { flags: "RW access delete", keys: { first: 1, last: 1, step: 1 } },
    { flags: "OW insert", keys: { first: 2, last: 2, step: 1 } },
  ],
  group: "generic",
  since: "1.0.0",
  summary: "Rename a key, only if the new key does not exist",
  complexity: "O(1)",
  parse: (args) => ({ from: args.bytes(0), to: args.bytes(1) }),
  run({ db }, { from, to }, reply) {
    if (!db.exists(from)) throw noSuchKey();
    const free = !db.exists(to);
    if (free) db.rename(from, to);
    reply.integer(free ? 1 : 0);
  },
});
