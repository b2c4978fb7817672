/**
 * COMMAND and its subcommands: what clients learn about the commands of this server.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { globMatches } from "../../commands/glob.ts";
import type { Call, ServerCommand, TableEntry } from "../context.ts";
import { categoriesOf } from "./categories.ts";
import { writeDocs } from "./command/docs.ts";
import { getKeys, getKeysAndFlags } from "./command/getkeys.ts";
import { writeInfo } from "./command/info.ts";
import { always, container, command as define } from "./define.ts";

type Run = NonNullable<ServerCommand["run"]>;

const unordered = ["nondeterministic_output_order"];

function sub(
  name: string,
  arity: number,
  since: string,
  summary: string,
  run: Run,
  more: Partial<ServerCommand> = {},
): ServerCommand {
  return define({ name, arity, flags: always, since, summary, group: "server", run, ...more });
}

function named({ server, args }: Call): (TableEntry | null)[] {
  const found: (TableEntry | null)[] = [];
  for (let i = 0; i < args.count; i++) found.push(server.table.byName(args.text(i)));
  return found;
}

function writeInfos({ reply }: Call, entries: readonly (TableEntry | null)[]): void {
  reply.array(entries.length);
  for (const entry of entries) {
    if (entry === null) reply.nil();
    else writeInfo(reply, entry);
  }
}

function filtered(call: Call): TableEntry[] {
  const { server, args } = call;
  const all = server.table.entries.flatMap((e) => [e, ...(e.subcommands?.values() ?? [])]);
  if (args.count === 0) return [...all];
  if (args.count !== 3 || !args.is(0, "filterby")) throw syntaxError();
  const pattern = args.bytes(2);
  if (args.is(1, "pattern")) return all.filter((e) => globMatches(pattern, Buffer.from(e.name)));
  if (args.is(1, "aclcat")) {
    const category = args.text(2).toLowerCase();
    return all.filter((e) => categoriesOf(e).includes(category));
  }
  if (args.is(1, "module")) return [];
  throw syntaxError();
}

const ofAll = "O(N) where N is the total number of Redis commands";
const ofNames = "O(N) where N is the number of commands to look up";
const ofArguments = "O(N) where N is the number of arguments to the command";

const subcommands = [
  sub("count", 2, "2.8.13", "Get total number of Redis commands", ({ server, reply }) =>
    reply.integer(server.table.entries.length),
  ),
  sub(
    "docs",
    -2,
    "7.0.0",
    "Get array of specific Redis command documentation",
    (call) => {
      const all = call.args.count === 0 ? call.server.table.entries : named(call);
      writeDocs(
        call.reply,
        all.filter((entry) => entry !== null),
      );
    },
    { complexity: ofNames, tips: unordered },
  ),
  sub("getkeys", -4, "2.8.13", "Extract keys given a full Redis command", getKeys, {
    complexity: ofArguments,
  }),
  sub(
    "getkeysandflags",
    -4,
    "7.0.0",
    "Extract keys and access flags given a full Redis command",
    getKeysAndFlags,
    { complexity: ofArguments },
  ),
  sub(
    "info",
    -2,
    "2.8.13",
    "Get array of specific Redis command details, or all when no argument is given.",
    (call) => writeInfos(call, call.args.count === 0 ? call.server.table.entries : named(call)),
    { complexity: ofNames, tips: unordered },
  ),
  sub(
    "list",
    -2,
    "7.0.0",
    "Get an array of Redis command names",
    (call) => {
      const entries = filtered(call);
      call.reply.set(entries.length);
      for (const entry of entries) call.reply.bulkText(entry.name);
    },
    { complexity: ofAll, tips: unordered },
  ),
];

export const command = container({
  name: "command",
  arity: -1,
  since: "2.8.13",
  summary: "Get array of Redis command details",
  complexity: ofAll,
  flags: always,
  tips: unordered,
  subcommands,
  run: (call) => writeInfos(call, call.server.table.entries),
});
