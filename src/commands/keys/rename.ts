/**
 * RENAME key newkey
 *
 * Reply: OK. Value and expiry move over whatever `newkey` held. Complexity: O(1).
 * https://redis.io/docs/latest/commands/rename/
 * @module
 */
import { equalBytes } from "../../base/bytes.ts";
import { defineCommand } from "../command.ts";
import { noSuchKey } from "../failures.ts";

interface Parsed {
  readonly from: Buffer;
  readonly to: Buffer;
}

export const rename = defineCommand<Parsed>({
  name: "rename",
  code: 0x0103,
  arity: 3,
  flags: ["write"],
  keys: { first: 1, last: 2, step: 1 },
  keySpecs: [
    { flags: "RW access delete", keys: { first: 1, last: 1, step: 1 } },
    { flags: "OW update", keys: { first: 2, last: 2, step: 1 } },
  ],
  group: "generic",
  since: "1.0.0",
  summary: "Rename a key",
  complexity: "O(1)",
  parse: (args) => ({ from: args.bytes(0), to: args.bytes(1) }),
  needs({ db }, { from }, needs) {
    needs.read(db, from);
  },
  run({ db }, { from, to }, reply) {
    const moved = equalBytes(from, to) ? db.exists(from) : db.rename(from, to);
    if (!moved) throw noSuchKey();
    reply.ok();
  },
});
