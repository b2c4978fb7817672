/**
 * What `status` prints: the state of a node as a page for people.
 * @module
 */
import type { NodeStatus } from "../node/api.ts";
import { renderBytes, renderTable } from "./table.ts";

/** Lines of the page. */
export function renderStatus(status: NodeStatus): string[] {
  const { log, store, resident, active } = status;
  const halted = status.haltReason === undefined ? "" : `: ${status.haltReason}`;
  const facts = [
    ["node", status.nodeId],
    ["cluster", status.clusterId],
    ["state", `${status.state}${halted}`],
    ["encryption", status.encryption ? "on" : "OFF: everything is written in clear"],
    ["cryptography", status.primitives === "native" ? "native addon" : "node:crypto"],
    ["applied", `entry ${status.appliedIndex}, in the store up to ${status.durableIndex}`],
    ["log", `entries ${log.first} to ${log.last}, ${renderBytes(log.bytes)}`],
    [
      "store",
      `${store.segments} segments, ${renderBytes(store.bytes)}, ` +
        `of which dead ${renderBytes(store.deadBytes)}`,
    ],
    [
      "memory",
      `${renderBytes(resident.bytes)} of ${renderBytes(resident.limit)} resident, ` +
        `${renderBytes(resident.dirtyBytes)} to be flushed`,
    ],
  ];
  if (status.encryption)
    facts.push([
      "active keys",
      `storage ${active.storage}, log ${active.log}, index ${active.index}`,
    ]);
  const lines = renderTable(facts);
  if (status.keys.length === 0) return lines;
  const keys = [...status.keys]
    .sort((a, b) => a.id - b.id)
    .map((key) => [key.id, key.purpose, key.state, key.records, renderBytes(key.bytes)]);
  return [...lines, "", ...renderTable([["key", "purpose", "state", "records", "size"], ...keys])];
}
