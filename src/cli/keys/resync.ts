/**
 * `keys resync`: what sidecar and store disagree about, and its mending.
 * @module
 */
import type { Command } from "commander";
import { change } from "../admin/call.ts";
import { print } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";

export function addKeysResync(keys: Command, context: Context): void {
  addTarget(keys.command("resync"))
    .summary("write the sidecar afresh from the store")
    .description(
      "Compares the sidecar with the control records of the store and says what it would do. " +
        "With --apply it does so.",
    )
    .option("--apply", "do it")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", "\nExample:\n  $ strongroom keys resync --data-dir rooms")
    .action(async (options: Options) => {
      const client = await clientOf(context, options);
      const apply = options.apply === true;
      const answer = await change(context, options, (requestId) => client.resync(apply, requestId));
      print(context, options, answer, ({ steps, done }) => {
        if (steps.length === 0) return ["sidecar and store agree: nothing to do"];
        const tail = done ? "done" : "nothing was changed; --apply does it";
        return [...steps.map((step, at) => `${at + 1}. ${step}`), tail];
      });
    });
}
