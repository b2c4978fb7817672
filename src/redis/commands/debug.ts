/**
 * DEBUG subcommand [argument ...]: what test suites of clients use. Allowed by
 * `enable-debug-command` only, which is "local" unless set otherwise. As in Redis it is one command
 * of the table, whatever stands behind it: what is refused to DEBUG is refused to all of it.
 * @module
 */
import type { Args } from "../../commands/args.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Call } from "../context.ts";
import { digest, digestValue } from "./debug/digest.ts";
import { object } from "./debug/object.ts";
import { populate } from "./debug/populate.ts";
import { protocol } from "./debug/protocol.ts";
import type { DebugSubcommand } from "./debug/subcommand.ts";
import { switches } from "./debug/switches.ts";
import { adminFlags, command, writeHelp } from "./define.ts";

const subcommands: readonly DebugSubcommand[] = [
  digest,
  digestValue,
  object,
  populate,
  protocol,
  ...switches,
].sort((a, b) => (a.name < b.name ? -1 : 1));

function subcommandOf(args: Args): DebugSubcommand | undefined {
  const count = args.count - 1;
  return subcommands.find(
    ({ name, argumentsMin, argumentsMax }) =>
      args.is(0, name) && count >= argumentsMin && count <= argumentsMax,
  );
}

/** The subcommand's arguments, while it begins: SLOWLOG sees all of them again. */
function perform(call: Call, subcommand: DebugSubcommand): void | Promise<void> {
  const { args } = call;
  args.first++;
  args.count--;
  try {
    return subcommand.run(call);
  } finally {
    args.first--;
    args.count++;
  }
}

export const debug = command({
  name: "debug",
  arity: -2,
  flags: adminFlags,
  since: "1.0.0",
  summary: "A container for debugging commands",
  complexity: "Depends on subcommand.",
  answersLater: (args) => subcommandOf(args)?.later === true,
  run: (call) => {
    const { args, reply } = call;
    if (args.count === 1 && args.is(0, "help")) {
      writeHelp(reply, "debug", subcommands);
      return;
    }
    const subcommand = subcommandOf(args);
    if (subcommand !== undefined) return perform(call, subcommand);
    const given = args.beginning(0, 128).split("\0", 1)[0];
    throw new CommandError(
      `ERR unknown subcommand or wrong number of arguments for '${given}'. Try DEBUG HELP.`,
    );
  },
});
