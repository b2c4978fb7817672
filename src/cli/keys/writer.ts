/**
 * `keys register` and `keys skip`: a fresh load of the node; the way past an entry that halts it.
 * @module
 */
import type { Command } from "commander";
import { StrongroomError } from "../../base/errors.ts";
import { indexOf } from "../admin/arguments.ts";
import { change, confirmed } from "../admin/call.ts";
import { print, since } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";

export function addKeysRegister(keys: Command, context: Context): void {
  addTarget(keys.command("register"))
    .summary("register this node as a writer afresh")
    .description("A new load under the active keys: fresh epochs, salts and session.")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", "\nExample:\n  $ strongroom keys register --data-dir rooms")
    .action(async (options: Options) => {
      const client = await clientOf(context, options);
      const answer = await change(context, options, (requestId) =>
        client.registerWriter(requestId),
      );
      print(context, options, answer, (view) => [`the node writes afresh, ${since(view)}`]);
    });
}

export function addKeysSkip(keys: Command, context: Context): void {
  addTarget(keys.command("skip"))
    .summary("let a halted node pass an entry")
    .description(
      "Lets a halted node pass the entry at which it halted. What that entry held is lost; the " +
        "reason stays in the history. Find out first why the entry cannot be applied.",
    )
    .argument("<index>", "entry, as the node's halt names it")
    .requiredOption("--reason <text>", "why it may be passed")
    .option("--yes", "yes, what it held is lost")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText(
      "after",
      '\nExample:\n  $ strongroom keys skip 812 --reason "damaged, see INC-7" --yes',
    )
    .action(async (given: string, options: Options) => {
      const index = indexOf(given);
      const reason = String(options.reason).trim();
      if (reason === "") throw new StrongroomError("CONFIG_INVALID", "--reason: is empty");
      confirmed(options, `what entry ${index} held would be lost`);
      const client = await clientOf(context, options);
      const answer = await change(context, options, (requestId) =>
        client.skip(index, reason, requestId),
      );
      // That the entry may be passed is told also where the node cannot be asked any more.
      const status = await client.status().catch(() => null);
      const after: Record<string, string> = {
        halted: "the node is still halted: restart it, and it passes the entry",
        serving: "the node serves again",
      };
      print(context, options, answer, (view) => {
        const state = after[status?.keyring.state ?? ""];
        const passed = `entry ${index} may be passed, ${since(view)}`;
        return state === undefined ? [passed] : [passed, state];
      });
    });
}
