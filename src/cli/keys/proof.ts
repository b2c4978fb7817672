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
import { keksOf } from "../verify/command.ts";

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

/** Checks a proof against a data directory of its cluster; no node need run. */
async function checked(context: Context, path: string, options: Options): Promise<Proof> {
  // Loaded when it is asked for: the other commands start in a fraction of the time.
  const { checkProof } = await import("../../node/keys/proofcheck.ts");
  const { loadPrimitives } = await import("../../platform/primitives.ts");
  const { openKeks } = await import("../../node/keks.ts");
  const { disk } = context;
  const dataDir = typeof options.dataDir === "string" ? options.dataDir : "data";
  const given = Array.isArray(options.kek) ? (options.kek as string[]) : [];
  const opened = await openKeks(keksOf(context, given, dataDir));
  try {
    const deps = { disk, primitives: loadPrimitives(), keks: opened.keks };
    return await checkProof(deps, dataDir, readProof(context, path));
  } finally {
    opened.close();
  }
}

function readProof(context: Context, path: string): string {
  try {
    return context.disk.readFile(path).toString("utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new StrongroomError("CONFIG_UNREADABLE", `--verify ${path}: ${code}`, { cause });
  }
}

/** @param end - Told false if something is left under the key. */
export function addKeysProof(keys: Command, context: Context, end: (clean: boolean) => void): void {
  addTarget(keys.command("proof"))
    .summary("show what is left under a key")
    .description(
      "Counts what is under a key in every file of the node, and signs the result. The exit " +
        "status is 0 only if nothing is.",
    )
    .argument("[id]", "key; 0 is what was written before encryption")
    .option("--out <path>", "write it as JSON to a new file, too")
    .option("--verify <path>", "check a proof that was kept, without the node")
    .option("--kek <spec...>", "with --verify: KEK that opens the data directory")
    .addHelpText("after", "\nExample:\n  $ strongroom keys proof 1 --json --data-dir rooms")
    .action(async (given: string | undefined, options: Options) => {
      const { verify } = options;
      if (typeof verify === "string") {
        const proof = await checked(context, verify, options);
        print(context, options, proof, renderProof);
        context.err("The signature is good.");
        end(proof.clean);
        return;
      }
      const keyId = keyIdOf(given ?? "", 0);
      const proof = await (await clientOf(context, options)).proof(keyId);
      const { out } = options;
      if (typeof out === "string") save(out, `${JSON.stringify(proof, null, 2)}\n`);
      print(context, options, proof, renderProof);
      end(proof.clean);
    });
}
