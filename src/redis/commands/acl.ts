/**
 * ACL as far as one user "default" needs it. Changing users is refused: `requirepass` is the only
 * password.
 * @module
 */
import { arityFits, wrongArity } from "../../commands/failures.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, ServerCommand } from "../context.ts";
import { categories, categoriesOf } from "./categories.ts";
import { adminFlags, command, container, sessionFlags } from "./define.ts";

type Run = NonNullable<ServerCommand["run"]>;

function sub(name: string, arity: number, summary: string, run: Run, admin = false): ServerCommand {
  const flags = admin ? adminFlags : sessionFlags;
  const since = name === "dryrun" ? "7.0.0" : "6.0.0";
  return command({ name, arity, flags, since, summary, run });
}

function refuse(): void {
  throw new CommandError("ERR ACL users are not supported: there is only the user 'default'");
}

/** The digest of the password, as Redis shows it. */
function passwordDigest({ server }: Call): string | null {
  return server.passwordDigest?.toString("hex") ?? null;
}

function cat({ server, args, reply }: Call): void {
  if (args.count === 0) {
    reply.array(categories.length);
    for (const name of categories) reply.bulkText(name);
    return;
  }
  const category = args.text(0).toLowerCase();
  if (!(categories as readonly string[]).includes(category))
    throw new CommandError(`ERR Unknown category '${args.text(0)}'`);
  const entries = server.table.entries.flatMap((e) => [e, ...(e.subcommands?.values() ?? [])]);
  const found = entries.filter((entry) => categoriesOf(entry).includes(category));
  reply.array(found.length);
  for (const entry of found) reply.bulkText(entry.name);
}

function list(call: Call): void {
  const digest = passwordDigest(call);
  call.reply.array(1);
  const password = digest === null ? "nopass" : `#${digest}`;
  call.reply.bulkText(`user default on ${password} ~* &* +@all`);
}

function getUser(call: Call): void {
  const { args, reply } = call;
  if (args.text(0) !== "default") {
    reply.nil();
    return;
  }
  const digest = passwordDigest(call);
  reply.map(6);
  reply.bulkText("flags");
  const flags = digest === null ? ["on", "nopass"] : ["on"];
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText("passwords");
  reply.array(digest === null ? 0 : 1);
  if (digest !== null) reply.bulkText(digest);
  for (const [name, value] of [
    ["commands", "+@all"],
    ["keys", "~*"],
    ["channels", "&*"],
  ]) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
  reply.bulkText("selectors");
  reply.array(0);
}

function genPass({ server, args, reply }: Call): void {
  const error =
    "ERR ACL GENPASS argument must be the number of bits for the output password, a " +
    "positive number up to 4096";
  const bits = args.count === 0 ? 256 : args.integer(0, error, 1, 4096);
  const digits = Math.ceil(bits / 4);
  reply.bulkText(
    server.host.random
      .bytes(Math.ceil(digits / 2))
      .toString("hex")
      .slice(0, digits),
  );
}

/** One user may do everything: what is left is whether there is such a user, and such a command. */
function dryRun({ server, args, reply }: Call): void {
  if (args.text(0) !== "default")
    throw new CommandError(`ERR User '${args.beginning(0, 128)}' not found`);
  const entry = server.table.find(args.buffer, args.start(1), args.end(1));
  const contained = entry?.subcommands ?? null;
  const named = contained !== null && args.count > 2;
  const found = named ? contained.get(args.beginning(2, 64).toLowerCase()) : entry;
  if (found === undefined || found === null)
    throw new CommandError(`ERR Command '${args.beginning(1, 128)}' not found`);
  if (!arityFits(found.arity, args.count - 2)) throw wrongArity(found.name);
  reply.ok();
}

export const acl = container({
  name: "acl",
  arity: -2,
  since: "6.0.0",
  summary: "A container for Access List Control commands",
  complexity: "Depends on subcommand.",
  subcommands: [
    sub("cat", -2, "List the ACL categories or the commands inside a category", cat),
    sub("deluser", -3, "Refused: there is one user", refuse, true),
    sub(
      "dryrun",
      -4,
      "Returns whether the user can execute the given command without executing the command.",
      dryRun,
      true,
    ),
    sub("genpass", -2, "Generate a pseudorandom secure password", genPass),
    sub("getuser", 3, "Get the rules for a specific ACL user", getUser, true),
    sub("list", 2, "List the current ACL rules in ACL config file format", list, true),
    sub("load", 2, "Refused: there is one user", refuse, true),
    sub("log", -2, "Refusals are not logged", ({ reply }) => reply.array(0), true),
    sub("save", 2, "Refused: there is one user", refuse, true),
    sub("setuser", -3, "Refused: there is one user", refuse, true),
    sub(
      "users",
      2,
      "List the username of all the configured ACL rules",
      ({ reply }) => {
        reply.array(1);
        reply.bulkText("default");
      },
      true,
    ),
    sub("whoami", 2, "Return the name of the user of the connection", ({ reply }) =>
      reply.bulkText("default"),
    ),
  ],
});
