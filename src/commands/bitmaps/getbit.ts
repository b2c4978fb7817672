/**
 * GETBIT key offset
 *
 * Reply: the bit; 0 beyond the end of the string. Complexity: O(1).
 * https://redis.io/docs/latest/commands/getbit/
 * @module
 */
import { defineCommand } from "../command.ts";
import { bitOffset, byteOf } from "./offset.ts";

interface Parsed {
  readonly key: Buffer;
  readonly offset: number;
}

export const getbit = defineCommand<Parsed>({
  name: "getbit",
  code: 0,
  arity: 3,
  flags: ["readonly", "fast"],
  keys: { first: 1, last: 1, step: 1 },
  group: "bitmap",
  since: "2.2.0",
  summary: "Returns the bit value at offset in the string value stored at key",
  complexity: "O(1)",
  parse: (args) => ({ offset: bitOffset(args, 1), key: args.bytes(0) }),
  run({ db }, { key, offset }, reply) {
    const byte = db.getString(key)?.[byteOf(offset)] ?? 0;
    reply.integer((byte >> (7 - (offset % 8))) & 1);
  },
});
