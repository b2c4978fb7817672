/**
 * `keys proof`: the evidence that nothing is left under a key, or the list of what is.
 * @module
 */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { StrongroomError } from "../../base/errors.ts";
import type { Proof } from "../../node/operations.ts";
import { keyIdOf } from "../admin/arguments.ts";
import { print, renderTime } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderBytes, renderTable } from "../table.ts";

/** Lines of the page. */
export function renderProof(view: Proof): string[] {
  const facts = [
    ["key", `${view.keyId} (${view.purpose || "clear"}), ${view.state}`],
    ["cluster", view.clusterId],
    ["node", view.nodeId],
    ["at", `entry ${view.appliedIndex}, ${renderTime(view.timeMs)}`],
    ["examined", `${view.filesExamined} files`],
  ];
  const rows = view.counted.map(({ surface, count, bytes, files }) => [
    surface,
    count,
    renderBytes(bytes),
    files.join(" "),
  ]);
  return [
    ...renderTable(facts),
    "",
    ...renderTable([["surface", "found", "size", "files"], ...rows]),
    "",
    view.clean ? "CLEAN: nothing is under the key" : "NOT CLEAN: see what was found",
    `signed under log key ${view.macKeyId}: ${view.mac}`,
  ];
}

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new StrongroomError("CONFIG_INVALID", `--out ${path}: ${code}`, { cause });
  }
}

/** @param end - Told false if something is left under the key. */
export function addKeysProof(keys: Command, context: Context, end: (clean: boolean) => void): void {
  addTarget(keys.command("proof"))
    .summary("show what is left under a key")
    .description(
      "Counts what is under a key in every file of the node, and signs the result. The exit\n" +
        "status is 0 only if nothing is.",
    )
    .argument("<id>", "key; 0 is what was written before encryption")
    .option("--out <path>", "write it as JSON to a new file, too")
    .addHelpText("after", "\nExample:\n  $ strongroom keys proof 1 --json --data-dir rooms")
    .action(async (given: string, options: Options) => {
      const keyId = keyIdOf(given, 0);
      const proof = await clientOf(context, options).proof(keyId);
      const { out } = options;
      if (typeof out === "string") save(out, `${JSON.stringify(proof, null, 2)}\n`);
      print(context, options, proof, renderProof);
      end(proof.clean);
    });
}
