/**
 * `keys status`: what is sealed under what; who may write; which KEKs open it; what is rewritten.
 * @module
 */
import type { Command } from "commander";
import type { KekInfo, KeyringInfo } from "../../node/operations.ts";
import { print, renderTime } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderBytes, renderTable } from "../table.ts";
import { rewriteLine } from "./rewriteview.ts";

function envelope(cutover: number): string {
  return cutover === 0 ? "in clear" : `sealed after entry ${cutover}`;
}

/** A letter for each KEK: ids of services are long, and keys usually have the same ones. */
function lettersOf(view: KeyringInfo): ReadonlyMap<string, string> {
  const ids = [...view.keks.map(({ id }) => id), ...view.keys.flatMap(({ kekIds }) => kekIds)];
  return new Map([...new Set(ids)].map((id, at) => [id, letterOf(at)]));
}

/** A to Z, then AA. */
function letterOf(at: number): string {
  const last = String.fromCharCode(65 + (at % 26));
  return at < 26 ? last : letterOf(Math.floor(at / 26) - 1) + last;
}

function keyRows(view: KeyringInfo, letters: ReadonlyMap<string, string>): string[] {
  const rows = [...view.keys]
    .sort((a, b) => a.id - b.id)
    .map((key) => [
      key.id,
      key.purpose,
      key.state,
      key.records,
      renderBytes(key.bytes),
      key.kekIds.length === 0
        ? "-"
        : key.kekIds
            .map((id) => letters.get(id))
            .sort()
            .join(" "),
      renderTime(key.createdMs),
    ]);
  const head = ["key", "purpose", "state", "records", "size", "wrapped by", "created"];
  return rows.length === 0 ? ["no keys yet"] : renderTable([head, ...rows]);
}

function kekRows(view: KeyringInfo, letters: ReadonlyMap<string, string>): string[] {
  if (letters.size === 0) return ["no KEK configured"];
  const rows = [...letters].map(([id, letter]) => {
    const kek = view.keks.find((one) => one.id === id);
    if (kek === undefined) return [letter, id, "-", "wraps keys, not configured here", "-"];
    return [letter, id, kek.provider, healthText(kek), latencyText(kek)];
  });
  return renderTable([["", "KEK", "provider", "health", "latency"], ...rows]);
}

/** Whether it answered when it was last asked. */
export function healthText({ id, healthy, reason, checkedMs }: KekInfo): string {
  // The line begins with the id already.
  if (!healthy) return `FAILS: ${reason.replace(`${id}: `, "")}`;
  return checkedMs === 0 ? "not asked yet" : "answers";
}

export function latencyText({ checkedMs, latencyMs }: KekInfo): string {
  return checkedMs === 0 ? "-" : `${latencyMs.toFixed(1)} ms`;
}

function writerRows(view: KeyringInfo): string[] {
  if (view.writers.length === 0) return ["no writer has registered"];
  const rows = [...view.writers]
    .sort((a, b) => a.keyId - b.keyId)
    .map((one) => [
      one.keyId,
      one.fullNodeId,
      one.node16,
      `${one.firstSeen} to ${one.lastSeen}`,
      one.open ? "session open" : "registered",
    ]);
  return renderTable([["key", "writer", "node16", "epochs", "state"], ...rows]);
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
  const letters = lettersOf(view);
  return [
    ...renderTable(facts),
    "",
    ...keyRows(view, letters),
    "",
    ...kekRows(view, letters),
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
