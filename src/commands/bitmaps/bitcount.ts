/**
 * BITCOUNT key [start end [BYTE | BIT]]
 *
 * Reply: how many bits are set in the string or in the range. Complexity: O(bytes).
 * https://redis.io/docs/latest/commands/bitcount/
 * @module
 */
import type { Args } from "../args.ts";
import { defineCommand } from "../command.ts";
import { syntaxError } from "../failures.ts";
import { type KeyAndArgs, keyAndArgs, type Span, spanOf, unitIsBit } from "./span.ts";

const onesOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones;
});
const nothing: Span = { first: 0, last: -1 };

function parseSpan(args: Args, bytes: number): Span {
  if (args.count === 1) return { first: 0, last: bytes * 8 - 1 };
  if (args.count !== 3 && args.count !== 4) throw syntaxError();
  const start = args.long(1);
  const end = args.long(2);
  if (start < 0 && end < 0 && start > end) return nothing;
  return spanOf(start, end, args.count === 4 && unitIsBit(args, 3), bytes);
}

function countOnes(value: Uint8Array, { first, last }: Span): number {
  if (first > last) return 0;
  const firstByte = Math.floor(first / 8);
  const lastByte = Math.floor(last / 8);
  let ones = 0;
  for (let at = firstByte; at <= lastByte; at++) ones += onesOf[value[at] as number] as number;
  const before = (value[firstByte] as number) & ~(0xff >> (first % 8)) & 0xff;
  const after = (value[lastByte] as number) & (0x7f >> (last % 8));
  return ones - (onesOf[before] as number) - (onesOf[after] as number);
}

export const bitcount = defineCommand<KeyAndArgs>({
  name: "bitcount",
  code: 0,
  arity: -2,
  flags: ["readonly"],
  keys: { first: 1, last: 1, step: 1 },
  group: "bitmap",
  since: "2.6.0",
  summary: "Count set bits in a string",
  complexity: "O(N)",
  parse: keyAndArgs,
  run({ db }, { key, args }, reply) {
    const value = db.getString(key);
    reply.integer(value === null ? 0 : countOnes(value, parseSpan(args, value.length)));
  },
});
