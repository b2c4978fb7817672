/**
 * Figures about memory, for INFO and MEMORY STATS.
 * @module
 */
import type { ServerContext } from "../../context.ts";

export type Figure = readonly [name: string, value: number];

export function clientBytes(server: ServerContext): number {
  let bytes = 0;
  for (const peer of server.peers.values())
    bytes += peer.figures.queryBytes + peer.figures.outputBytes;
  return bytes;
}

/** In the names of MEMORY STATS. */
export function memoryFigures(server: ServerContext): Figure[] {
  const process = server.host.figures();
  const { resident } = server.engine.status();
  const keys = server.engine.databases().reduce((sum, { keys: n }) => sum + n, 0);
  const used = process.heapBytes + resident.bytes;
  return [
    ["peak.allocated", process.rssBytes],
    ["total.allocated", used],
    ["startup.allocated", 0],
    ["replication.backlog", 0],
    ["clients.slaves", 0],
    ["clients.normal", clientBytes(server)],
    ["cluster.links", 0],
    ["aof.buffer", 0],
    ["lua.caches", 0],
    ["functions.caches", 0],
    ["overhead.total", process.heapBytes],
    ["keys.count", keys],
    ["keys.bytes-per-key", keys === 0 ? 0 : Math.floor(resident.bytes / keys)],
    ["dataset.bytes", resident.bytes],
    ["dataset.percentage", (100 * resident.bytes) / Math.max(used, 1)],
    ["peak.percentage", (100 * used) / Math.max(process.rssBytes, 1)],
    ["fragmentation", process.rssBytes / Math.max(used, 1)],
    ["fragmentation.bytes", process.rssBytes - used],
  ];
}
