/**
 * OBJECT HELP
 *
 * Reply: an array of lines. Complexity: O(1).
 * https://redis.io/docs/latest/commands/object-help/
 * @module
 */
import { defineCommand } from "../../command.ts";

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

export const help = defineCommand<null>({
  name: "object|help",
  code: 0,
  arity: 2,
  flags: ["loading", "stale"],
  keys: { first: 0, last: 0, step: 0 },
  group: "generic",
  since: "6.2.0",
  summary: "Show helpful text about the different subcommands",
  complexity: "O(1)",
  parse: () => null,
  run(_context, _parsed, reply) {
    reply.array(helpLines.length);
    for (const line of helpLines) reply.simple(line);
  },
});
