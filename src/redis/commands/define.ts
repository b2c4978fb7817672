/**
 * What most commands of this folder have in common.
 * @module
 */
import type { Reply } from "../../resp/reply.ts";
import type { Call, ServerCommand } from "../context.ts";

/** Flags of commands that may come at any time; of those for the administrator. */
export const always = ["loading", "stale"] as const;
export const adminFlags = ["admin", "noscript", "loading", "stale"] as const;
export const sessionFlags = ["noscript", "loading", "stale"] as const;
export const entryFlags = [
  "noscript",
  "loading",
  "stale",
  "fast",
  "no_auth",
  "allow_busy",
] as const;

type Required = Pick<ServerCommand, "name" | "arity" | "flags" | "since" | "summary">;

/** A command of the group "connection" that runs in order, unless it says otherwise. */
export function command(parts: Required & Partial<ServerCommand>): ServerCommand {
  return { group: "server", complexity: "O(1)", when: "in-order", ...parts };
}

/** HELP: a title, then two lines a subcommand. */
export function writeHelp(
  reply: Reply,
  name: string,
  subcommands: readonly { readonly name: string; readonly summary: string; usage?: string }[],
): void {
  const usage = "<subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
  const lines = [`${name.toUpperCase()} ${usage}`];
  for (const sub of subcommands) {
    lines.push(`${sub.name.toUpperCase()} ${sub.usage ?? ""}`.trimEnd());
    lines.push(`    ${sub.summary.replace(/\.$/, "")}.`);
  }
  lines.push("HELP", "    Prints this help.");
  reply.array(lines.length);
  for (const line of lines) reply.simple(line);
}

/** The container of `subcommands`, with HELP. */
export function container(
  parts: Omit<Required, "flags"> & Partial<ServerCommand> & { subcommands: ServerCommand[] },
): ServerCommand {
  const { name, subcommands } = parts;
  const help = command({
    name: "help",
    arity: 2,
    flags: always,
    since: parts.since,
    group: parts.group ?? "server",
    summary: "Show helpful text about the different subcommands",
    run: ({ reply }) => writeHelp(reply, name, subcommands),
  });
  return command({ flags: [], ...parts, subcommands: [...subcommands, help] });
}

/** Answers +OK. */
export function ok({ reply }: Call): void {
  reply.ok();
}

export function bulkLatin1(call: Pick<Call, "reply">, text: string): void {
  call.reply.bulk(Buffer.from(text, "latin1"));
}
