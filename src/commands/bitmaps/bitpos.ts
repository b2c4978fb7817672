/**
 * BITPOS key bit [start [end [BYTE | BIT]]]
 *
 * Reply: the first bit that is `bit`, -1 if there is none. A string without an explicit end is
 * taken as continued by zeros. Complexity: O(bytes).
 * https://redis.io/docs/latest/commands/bitpos/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Args } from "../args.ts";
import { defineCommand } from "../command.ts";
import { syntaxError } from "../failures.ts";
import { type KeyAndArgs, keyAndArgs, type Span, spanOf, unitIsBit } from "./span.ts";

interface Parsed extends KeyAndArgs {
  readonly bit: number;
}

function parseSpan(args: Args, bytes: number): Span {
  if (args.count > 5) throw syntaxError();
  const start = args.count > 2 ? args.long(2) : 0;
  const bits = args.count === 5 && unitIsBit(args, 4);
  const end = args.count > 3 ? args.long(3) : bytes - 1;
  return spanOf(start, end, bits, bytes);
}

/** Offset of the first such bit, or -1. */
function find(value: Uint8Array, bit: number, { first, last }: Span): number {
  const skipped = bit === 1 ? 0x00 : 0xff;
  let at = first;
  while (at <= last) {
    const byte = value[Math.floor(at / 8)] as number;
    if (at % 8 === 0 && byte === skipped) {
      at += 8;
      continue;
    }
    if (((byte >> (7 - (at % 8))) & 1) === bit) return at;
    at++;
  }
  return -1;
}

export const bitpos = defineCommand<Parsed>({
  name: "bitpos",
  code: 0,
  arity: -3,
  flags: ["readonly"],
  keys: { first: 1, last: 1, step: 1 },
  group: "bitmap",
  since: "2.8.7",
  summary: "Find first bit set or clear in a string",
  complexity: "O(N)",
  parse(args) {
    const bit = args.long(1);
    if (bit !== 0 && bit !== 1) throw new CommandError("ERR The bit argument must be 1 or 0.");
    return { ...keyAndArgs(args), bit };
  },
  run({ db }, { key, args, bit }, reply) {
    const value = db.getString(key);
    if (value === null) {
      reply.integer(bit === 1 ? -1 : 0);
      return;
    }
    const span = parseSpan(args, value.length);
    const found = find(value, bit, span);
    const continued = bit === 0 && args.count < 4 && span.first <= span.last;
    reply.integer(found < 0 && continued ? value.length * 8 : found);
  },
});
