/**
 * OBJECT ENCODING | REFCOUNT | IDLETIME | FREQ key, OBJECT HELP
 *
 * The container of these subcommands, each in a file of its own.
 * https://redis.io/docs/latest/commands/object/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Args } from "../args.ts";
import { type CommandSpec, defineCommand } from "../command.ts";
import { arityFits, wrongArity } from "../failures.ts";
import { encoding } from "./object/encoding.ts";
import { freq } from "./object/freq.ts";
import { help } from "./object/help.ts";
import { idletime } from "./object/idletime.ts";
import { refcount } from "./object/refcount.ts";

interface Parsed {
  readonly subcommand: CommandSpec;
  readonly inner: unknown;
}

const subcommands: readonly CommandSpec[] = [encoding, freq, help, idletime, refcount];

function subcommandOf(args: Args): CommandSpec {
  const found = subcommands.find(({ name }) => args.is(0, name.slice("object|".length)));
  if (found !== undefined) return found;
  const given = args.beginning(0, 128).split("\0", 1)[0];
  throw new CommandError(`ERR unknown subcommand '${given}'. Try OBJECT HELP.`);
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
  subcommands,
  parse(args) {
    const subcommand = subcommandOf(args);
    if (!arityFits(subcommand.arity, args.count)) throw wrongArity(subcommand.name);
    args.first++;
    args.count--;
    try {
      return { subcommand, inner: subcommand.parse(args) };
    } finally {
      args.first--;
      args.count++;
    }
  },
  run(context, { subcommand, inner }, reply) {
    subcommand.run(context, inner, reply);
  },
});
