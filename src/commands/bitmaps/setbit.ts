/**
 * SETBIT key offset value
 *
 * Reply: the bit as it was. The string grows with zero bytes as needed. Complexity: O(1).
 * https://redis.io/docs/latest/commands/setbit/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { defineCommand } from "../command.ts";
import { bitOffset, byteOf } from "./offset.ts";

interface Parsed {
  readonly key: Buffer;
  readonly offset: number;
  readonly bit: number;
}

const notABit = "ERR bit is not an integer or out of range";

export const setbit = defineCommand<Parsed>({
  name: "setbit",
  code: 0x0301,
  arity: 4,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  group: "bitmap",
  since: "2.2.0",
  summary: "Sets or clears the bit at offset in the string value stored at key",
  complexity: "O(1)",
  parse(args) {
    const offset = bitOffset(args, 1);
    const bit = args.long(2, notABit);
    if (bit !== 0 && bit !== 1) throw new CommandError(notABit);
    return { key: args.bytes(0), offset, bit };
  },
  reach: ({ offset }) => byteOf(offset) + 1,
  run({ db }, { key, offset, bit }, reply) {
    const byte = byteOf(offset);
    const mask = 0x80 >> (offset % 8);
    const value = db.getString(key);
    const length = value?.length ?? 0;
    const old = value !== null && byte < length && ((value[byte] as number) & mask) !== 0 ? 1 : 0;
    // A bit that stays as it is changes nothing: watchers are not touched.
    if (old !== bit || byte >= length) {
      const edited = db.editString(key, Math.max(length, byte + 1));
      if (bit === 1) edited[byte] = (edited[byte] as number) | mask;
      else edited[byte] = (edited[byte] as number) & ~mask;
    }
    reply.integer(old);
  },
});
