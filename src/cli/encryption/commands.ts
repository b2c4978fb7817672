/**
 * `strongroom encryption …`: from a plaintext database to a sealed one, step by step.
 * @module
 */
import type { Command } from "commander";
import type { AdminClient, Done } from "../../admin/client.ts";
import { change } from "../admin/call.ts";
import { print, since } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderTable } from "../table.ts";

interface Step {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** What is so afterwards. */
  readonly told: string;
  readonly call: (client: AdminClient, requestId: string) => Promise<Done>;
}

const steps: readonly Step[] = [
  {
    name: "bootstrap",
    summary: "draw the first keys of a database in clear",
    description:
      "Draws storage, log and index key, wrapped by every KEK. Nothing is sealed by it yet; " +
      "go on with `encryption enable-storage`.",
    told: "the first keys stand",
    call: (client, requestId) => client.bootstrap(requestId),
  },
  {
    name: "enable-storage",
    summary: "seal what is written to the store from now on",
    description:
      "From now on everything that reaches the store is sealed. There is no way back. Then " +
      "`keys rewrite 0 --wait` seals what was written before.",
    told: "the store is sealed",
    call: (client, requestId) => client.enableStorage(requestId),
  },
  {
    name: "enable-log",
    summary: "seal the log from now on",
    description:
      "From now on every entry of the log is sealed, and what it held in clear is cut off. " +
      "There is no way back. The last step: nothing in clear may be left in the store.",
    told: "the log is sealed",
    call: (client, requestId) => client.enableLog(requestId),
  },
];

function addStep(encryption: Command, context: Context, step: Step): void {
  addTarget(encryption.command(step.name))
    .summary(step.summary)
    .description(step.description)
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", `\nExample:\n  $ strongroom encryption ${step.name} --data-dir rooms`)
    .action(async (options: Options) => {
      const client = await clientOf(context, options);
      const answer = await change(context, options, (id) => step.call(client, id));
      print(context, options, answer, (view) => [`${step.told}, ${since(view)}`]);
    });
}

function addCapability(encryption: Command, context: Context): void {
  addTarget(encryption.command("capability"))
    .summary("show what the node could do")
    .description("Shows whether the node could encrypt, before anybody asks it to.")
    .addHelpText("after", "\nExample:\n  $ strongroom encryption capability --data-dir rooms")
    .action(async (options: Options) => {
      const answer = await (await clientOf(context, options)).capability();
      print(context, options, answer, (view) => {
        const yes = (value: boolean): string => (value ? "yes" : "no");
        const epochs = Object.entries(view.localEpochs).map(([id, at]) => `key ${id}: ${at}`);
        return renderTable([
          ["node", `${view.nodeId} (${view.fullNodeId})`],
          ["build", view.build],
          ["can encrypt", yes(view.encryptionCapable)],
          ["encryption", view.encryption],
          ["KEK configured", yes(view.kekConfigured)],
          ["sidecar", view.sidecarPresent ? `there, usable: ${yes(view.sidecarUsable)}` : "none"],
          ["local epochs", epochs.length === 0 ? "-" : epochs.join(", ")],
        ]);
      });
    });
}

export function addEncryption(program: Command, context: Context): void {
  const encryption = program
    .command("encryption")
    .summary("turn a database in clear into a sealed one")
    .description("Turns a database in clear into a sealed one while it serves, step by step.");
  addCapability(encryption, context);
  for (const step of steps) addStep(encryption, context, step);
}
