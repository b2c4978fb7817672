/**
 * `keys status`: what is sealed under what; who may write; which KEKs open it; what is rewritten.
 * @module
 */
import type { Command } from "commander";
import type { KeyringInfo } from "../../node/operations.ts";
import { print, renderTime } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderBytes, renderTable } from "../table.ts";
import { rewriteLine } from "./rewriteview.ts";

function envelope(cutover: number): string {
  return cutover === 0 ? "in clear" : `sealed after entry ${cutover}`;
}

function keyRows(view: KeyringInfo): string[] {
  const rows = [...view.keys]
    .sort((a, b) => a.id - b.id)
    .map((key) => [
      key.id,
      key.purpose,
      key.state,
      key.records,
      renderBytes(key.bytes),
      key.kekIds.length === 0 ? "-" : key.kekIds.join(", "),
      renderTime(key.createdMs),
    ]);
  const head = ["key", "purpose", "state", "records", "size", "wrapped by", "created"];
  return rows.length === 0 ? ["no keys yet"] : renderTable([head, ...rows]);
}

function kekRows(view: KeyringInfo): string[] {
  if (view.keks.length === 0) return ["no KEK configured"];
  const rows = view.keks.map(({ id, provider, healthy, reason, latencyMs }) => [
    id,
    provider,
    healthy ? "answers" : `FAILS: ${reason}`,
    `${latencyMs.toFixed(1)} ms`,
  ]);
  return renderTable([["KEK", "provider", "health", "latency"], ...rows]);
}

function writerRows(view: KeyringInfo): string[] {
  if (view.writers.length === 0) return ["no writer has registered"];
  const rows = view.writers.map((one) => [
    one.keyId,
    one.fullNodeId,
    one.node16,
    `${one.firstSeen}..${one.lastSeen}`,
    one.open ? "writes" : "closed",
  ]);
  return renderTable([["key", "node", "node16", "epochs", "state"], ...rows]);
}

/** Lines of the page. */
export function renderKeyring(view: KeyringInfo): string[] {
  const { active } = view;
  const facts = [
    ["cluster", view.clusterId],
    [
      "node",
      `${view.nodeId}, ${view.state}${view.haltReason === "" ? "" : `: ${view.haltReason}`}`,
    ],
    ["applied", `entry ${view.appliedIndex}, in the store up to ${view.durableIndex}`],
    ["store", envelope(view.storageCutover)],
    ["log", envelope(view.logCutover)],
  ];
  if (view.bootstrapped)
    facts.push(["active", `storage ${active.storage}, log ${active.log}, index ${active.index}`]);
  const rewrites = view.rewrites.map(rewriteLine);
  return [
    ...renderTable(facts),
    "",
    ...keyRows(view),
    "",
    ...kekRows(view),
    "",
    ...writerRows(view),
    ...(rewrites.length === 0 ? [] : ["", ...rewrites]),
  ];
}

export function addKeysStatus(keys: Command, context: Context): void {
  addTarget(keys.command("status"))
    .summary("show keys, KEKs, writers and rewrites")
    .description("Shows what is sealed under which key, and which KEKs open it.")
    .addHelpText("after", "\nExample:\n  $ strongroom keys status --data-dir rooms")
    .action(async (options: Options) => {
      const { keyring } = await (await clientOf(context, options)).status();
      print(context, options, keyring, renderKeyring);
    });
}
