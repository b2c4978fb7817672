/**
 * CONFIG GET pattern ..., SET name value ..., RESETSTAT, REWRITE.
 * @module
 */
import { syntaxError } from "../../commands/failures.ts";
import { globMatches } from "../../commands/glob.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Call } from "../context.ts";
import { adminFlags, bulkLatin1, command, container } from "./define.ts";

const since = "2.0.0";

/** Names as they are shown: a plain one as it was asked for, those of a pattern as they are. */
function namesOf({ server, args }: Call): string[] {
  const found = new Map<string, string>();
  for (let i = 0; i < args.count; i++) {
    const asked = args.text(i);
    const lower = asked.toLowerCase();
    const pattern = /[[*?]/.test(asked) ? Buffer.from(lower, "latin1") : null;
    for (const name of server.settings.names) {
      const fits = pattern === null ? name === lower : globMatches(pattern, Buffer.from(name));
      if (fits && !found.has(name)) found.set(name, pattern === null ? asked : name);
    }
  }
  return [...found.values()];
}

const get = command({
  name: "get",
  arity: -3,
  flags: adminFlags,
  since,
  summary: "Get the values of configuration parameters",
  complexity: "O(N) when N is the number of configuration parameters provided",
  run: (call) => {
    const { server, reply } = call;
    const names = namesOf(call);
    reply.map(names.length);
    for (const name of names) {
      reply.bulkText(name);
      bulkLatin1(call, server.settings.get(name.toLowerCase()) ?? "");
    }
  },
});

function failed(name: string, why: string): CommandError {
  return new CommandError(
    `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`,
  );
}

interface Change {
  readonly name: string;
  readonly value: string;
}

/** @throws CommandError for an unknown name or one that comes twice. */
function changesOf({ server, args }: Call): Change[] {
  if (args.count % 2 !== 0) throw syntaxError();
  const changes: Change[] = [];
  for (let i = 0; i < args.count; i += 2) {
    const name = args.text(i).toLowerCase();
    if (!server.settings.names.includes(name))
      throw new CommandError(
        `ERR Unknown option or number of arguments for CONFIG SET - '${args.text(i)}'`,
      );
    if (changes.some((change) => change.name === name))
      throw failed(args.text(i), "duplicate parameter");
    changes.push({ name, value: args.text(i + 1) });
  }
  // The password comes last: it is never refused, and what it was could not be put back.
  return changes.sort(
    (a, b) => Number(a.name === "requirepass") - Number(b.name === "requirepass"),
  );
}

/** Sets all, or puts back those that were set before one was refused. */
function setAll(call: Call): void {
  const { settings } = call.server;
  const changes = changesOf(call);
  const before = changes.map(({ name }) => settings.get(name) ?? "");
  for (const [i, { name, value }] of changes.entries()) {
    const why = settings.set(name, value);
    if (why === null) continue;
    for (let j = 0; j < i; j++) settings.set((changes[j] as Change).name, before[j] as string);
    throw failed(name, why);
  }
}

const set = command({
  name: "set",
  tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
  arity: -4,
  flags: adminFlags,
  since,
  summary: "Set configuration parameters to the given values",
  complexity: "O(N) when N is the number of configuration parameters provided",
  run: (call) => {
    setAll(call);
    call.reply.ok();
  },
});

const resetstat = command({
  name: "resetstat",
  arity: 2,
  flags: adminFlags,
  since,
  summary: "Reset the stats returned by INFO",
  run: ({ server, reply }) => {
    server.resetFigures();
    reply.ok();
  },
});

const rewrite = command({
  name: "rewrite",
  arity: 2,
  flags: adminFlags,
  since: "2.8.0",
  summary: "Rewrite the configuration file with the in memory configuration",
  run: () => {
    throw new CommandError("ERR The server is running without a config file");
  },
});

export const config = container({
  name: "config",
  arity: -2,
  since,
  summary: "A container for server configuration commands",
  complexity: "Depends on subcommand.",
  subcommands: [get, resetstat, rewrite, set],
});
