/**
 * OBJECT ENCODING | REFCOUNT | IDLETIME | FREQ key, OBJECT HELP
 *
 * Reply: the encoding's name, a count, whole seconds, or nil if there is no such key; FREQ is an
 * error, since accesses are not counted. Small integers are shared in Redis, and clients' suites
 * look at that: they report its count. Complexity: O(1).
 * https://redis.io/docs/latest/commands/object/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import { type Context, defineCommand } from "../command.ts";
import { wrongArity } from "../failures.ts";
import { smallInteger } from "../numbers.ts";

type Subcommand = "encoding" | "refcount" | "idletime" | "freq";

interface Parsed {
  readonly subcommand: Subcommand | "help";
  readonly key: Buffer;
}

const subcommands = ["encoding", "refcount", "idletime", "freq", "help"] as const;
const sharedCount = 2 ** 31 - 1;
const sharedIntegers = 10_000;

const helpLines = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency of the key.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>.",
  "HELP",
  "    Prints this help.",
];

const noFrequency =
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that " +
  "when switching between policies at runtime LRU and LFU data will take some time to adjust.";

function refcount({ db }: Context, key: Buffer, encoding: string): number {
  if (encoding !== "int") return 1;
  const value = db.getString(key) as Buffer;
  const number = smallInteger(value, 0, value.length);
  return number >= 0 && number < sharedIntegers ? sharedCount : 1;
}

function run(context: Context, { subcommand, key }: Parsed, reply: Reply): void {
  if (subcommand === "help") {
    reply.array(helpLines.length);
    for (const line of helpLines) reply.simple(line);
    return;
  }
  // Idle time first: asking for the encoding may count as access.
  const idle = context.db.idleSeconds(key);
  const encoding = context.db.encoding(key);
  if (encoding === null) reply.nil();
  else if (subcommand === "encoding") reply.bulkText(encoding);
  else if (subcommand === "idletime") reply.integer(idle);
  else if (subcommand === "refcount") reply.integer(refcount(context, key, encoding));
  else throw new CommandError(noFrequency);
}

export const object = defineCommand<Parsed>({
  name: "object",
  code: 0,
  arity: -2,
  flags: [],
  keys: { first: 0, last: 0, step: 0 },
  group: "generic",
  since: "2.2.3",
  summary: "A container for object introspection commands",
  complexity: "Depends on subcommand.",
  parse(args) {
    const subcommand = subcommands.find((name) => args.is(0, name));
    if (subcommand === undefined) {
      const given = args.text(0).slice(0, 128);
      throw new CommandError(`ERR unknown subcommand '${given}'. Try OBJECT HELP.`);
    }
    const expected = subcommand === "help" ? 1 : 2;
    if (args.count !== expected) throw wrongArity(`object|${subcommand}`);
    return { subcommand, key: args.bytes(expected - 1) };
  },
  run,
  findKeys: (args) => (args.count === 2 ? [1] : []),
});
