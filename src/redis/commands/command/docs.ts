/**
 * COMMAND DOCS: a map from names to maps of summary, since, group and complexity.
 * @module
 */
import type { Reply } from "../../../resp/reply.ts";
import type { TableEntry } from "../../context.ts";
import { groupOf } from "../categories.ts";

export function writeDocs(reply: Reply, entries: readonly TableEntry[]): void {
  reply.map(entries.length);
  for (const entry of entries) {
    const about = entry.spec ?? entry.server!;
    const subcommands = [...(entry.subcommands?.values() ?? [])];
    reply.bulkText(entry.name);
    reply.map(subcommands.length > 0 ? 5 : 4);
    reply.bulkText("summary");
    reply.bulkText(about.summary);
    reply.bulkText("since");
    reply.bulkText(about.since);
    reply.bulkText("group");
    reply.bulkText(groupOf(entry));
    reply.bulkText("complexity");
    reply.bulkText(about.complexity);
    if (subcommands.length === 0) continue;
    reply.bulkText("subcommands");
    writeDocs(reply, subcommands);
  }
}
