/**
 * LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
 *
 * Reply: the longest common subsequence; with LEN its length; with IDX a map of its `matches`
 * (ranges in both strings, the last one first) and `len`.
 * Complexity: O(N*M) time and memory. https://redis.io/docs/latest/commands/lcs/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import type { Args } from "../args.ts";
import { type Context, defineCommand } from "../command.ts";
import { syntaxError } from "../failures.ts";
import { stringBytesMax } from "../limits.ts";

interface Parsed {
  readonly one: Buffer;
  readonly other: Buffer;
  readonly args: Args;
}

interface Options {
  length: boolean;
  index: boolean;
  matchLengthMin: number;
  withMatchLength: boolean;
}

interface Match {
  readonly one: number;
  readonly other: number;
  readonly length: number;
}

function optionsOf(args: Args): Options {
  const options = { length: false, index: false, matchLengthMin: 0, withMatchLength: false };
  for (let at = 2; at < args.count; at++) {
    if (args.is(at, "idx")) options.index = true;
    else if (args.is(at, "len")) options.length = true;
    else if (args.is(at, "withmatchlen")) options.withMatchLength = true;
    else if (args.is(at, "minmatchlen") && at + 1 < args.count)
      options.matchLengthMin = Math.max(0, args.long(++at));
    else throw syntaxError();
  }
  if (options.index && options.length)
    throw new CommandError("ERR If you want both the length and indexes, please just use IDX.");
  return options;
}

/** lengths[i * (other.length + 1) + j]: length of the LCS of the first i and j bytes. */
function lengthsOf(one: Uint8Array, other: Uint8Array): Uint32Array {
  const row = other.length + 1;
  const cells = (one.length + 1) * row;
  if (cells * 4 > stringBytesMax)
    throw new CommandError(
      "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    );
  const lengths = new Uint32Array(cells);
  for (let i = 1; i <= one.length; i++) {
    const byte = one[i - 1];
    for (let j = 1; j <= other.length; j++) {
      const at = i * row + j;
      const above = lengths[at - row] as number;
      const before = lengths[at - 1] as number;
      if (byte === other[j - 1]) lengths[at] = (lengths[at - row - 1] as number) + 1;
      else lengths[at] = above > before ? above : before;
    }
  }
  return lengths;
}

/** Walks from the end: the bytes of the subsequence into `result`, its runs into `matches`. */
function walk(
  one: Uint8Array,
  other: Uint8Array,
  lengths: Uint32Array,
  result: Uint8Array,
): Match[] {
  const row = other.length + 1;
  const matches: Match[] = [];
  let i = one.length;
  let j = other.length;
  let left = result.length;
  let run = 0;
  const close = (): void => {
    if (run > 0) matches.push({ one: i, other: j, length: run });
    run = 0;
  };
  while (i > 0 && j > 0) {
    if (one[i - 1] === other[j - 1]) {
      left -= 1;
      result[left] = one[i - 1] as number;
      run += 1;
      i -= 1;
      j -= 1;
      continue;
    }
    close();
    if ((lengths[(i - 1) * row + j] as number) > (lengths[i * row + j - 1] as number)) i -= 1;
    else j -= 1;
  }
  close();
  return matches;
}

function writeMatches(matches: Match[], total: number, options: Options, reply: Reply): void {
  const shown = matches.filter((match) => match.length >= options.matchLengthMin);
  reply.map(2);
  reply.bulkText("matches");
  reply.array(shown.length);
  for (const { one, other, length } of shown) {
    reply.array(options.withMatchLength ? 3 : 2);
    for (const start of [one, other]) {
      reply.array(2);
      reply.integer(start);
      reply.integer(start + length - 1);
    }
    if (options.withMatchLength) reply.integer(length);
  }
  reply.bulkText("len");
  reply.integer(total);
}

function run({ keyspace, db }: Context, { one, other, args }: Parsed, reply: Reply): void {
  for (const key of [one, other]) {
    const type = db.typeOf(key);
    if (type !== null && type !== "string")
      throw new CommandError("ERR The specified keys must contain string values");
  }
  // Each was counted.
  keyspace.counting = false;
  const options = optionsOf(args);
  const empty = Buffer.alloc(0);
  // Reading the second key may move the first: its view is copied.
  const first = Buffer.from(db.getString(one) ?? empty);
  const second = db.getString(other) ?? empty;
  const lengths = lengthsOf(first, second);
  const total = lengths.at(-1) ?? 0;
  if (options.length) {
    reply.integer(total);
    return;
  }
  const result = Buffer.alloc(total);
  const matches = walk(first, second, lengths, result);
  if (options.index) writeMatches(matches, total, options, reply);
  else reply.bulk(result);
}

export const lcs = defineCommand<Parsed>({
  name: "lcs",
  code: 0,
  arity: -3,
  flags: ["readonly"],
  keys: { first: 1, last: 2, step: 1 },
  group: "string",
  since: "7.0.0",
  summary: "Find longest common substring",
  complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
  parse: (args) => ({ one: args.bytes(0), other: args.bytes(1), args }),
  run,
});
