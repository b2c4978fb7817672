/**
 * What the server counts for metrics: connections, bytes, and how often each command was called.
 * Names are those of the command table, never what a client sent.
 * @module
 */
import type { CommandMeasures } from "../node/measures.ts";
import type { TableEntry } from "./context.ts";
import type { RedisServer } from "./server.ts";

function withParts(entry: TableEntry): TableEntry[] {
  return [entry, ...(entry.subcommands?.values() ?? [])];
}

export function commandMeasures(server: RedisServer): CommandMeasures {
  const { figures, peers, table } = server;
  const commands = table.entries
    .flatMap(withParts)
    .filter(({ figures: { calls, rejected } }) => calls + rejected > 0)
    .map(({ name, figures: { calls, failed, rejected } }) => ({ name, calls, failed, rejected }));
  return {
    connections: peers.size,
    connectionsTotal: figures.connections,
    rejectedTotal: figures.rejected,
    inputBytes: figures.inputBytes,
    outputBytes: figures.outputBytes,
    commands,
  };
}
