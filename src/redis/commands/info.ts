/**
 * INFO [section ...]. O(1). Lines `field:value` under titles; no section, "default", "all" and
 * "everything" as in Redis 7.0.
 * @module
 */
import type { Call, ServerContext } from "../context.ts";
import { always, command } from "./define.ts";
import { sections } from "./info/sections.ts";

function infoText(server: ServerContext, asked: readonly string[]): string {
  const every = asked.includes("all") || asked.includes("everything");
  const usual = asked.length === 0 || asked.includes("default");
  const shown = sections.filter(
    ({ name, extra }) => every || (usual && !extra) || asked.includes(name.toLowerCase()),
  );
  return shown
    .map(({ name, fields }) => {
      const lines = fields(server).map(([field, value]) => `${field}:${value}\r\n`);
      return `# ${name}\r\n${lines.join("")}`;
    })
    .join("\r\n");
}

export const info = command({
  name: "info",
  tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
  arity: -1,
  flags: always,
  since: "1.0.0",
  summary: "Get information and statistics about the server",
  run: ({ server, args, reply }: Call) => {
    const asked = Array.from({ length: args.count }, (_, i) => args.text(i).toLowerCase());
    reply.verbatim("txt", infoText(server, asked));
  },
});
