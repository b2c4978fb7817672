/**
 * What most commands of this folder have in common.
 * @module
 */
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
    run: ({ reply }) => {
      const lines = subcommands.flatMap((sub) => [sub.name.toUpperCase(), `    ${sub.summary}.`]);
      const usage = "<subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
      const title = `${name.toUpperCase()} ${usage}`;
      const all = [title, ...lines, "HELP", "    Print this help."];
      reply.array(all.length);
      for (const line of all) reply.simple(line);
    },
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
