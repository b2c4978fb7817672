/**
 * `keys fence` and `keys retire`: the end of a key. Fencing stops writes under it, retiring
 * destroys every wrap, after which nobody opens anything that was under it.
 * @module
 */
import type { Command } from "commander";
import { keyIdOf } from "../admin/arguments.ts";
import { change, confirmed } from "../admin/call.ts";
import { print, since } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";

export function addKeysFence(keys: Command, context: Context): void {
  addTarget(keys.command("fence"))
    .summary("refuse every write under an older key")
    .description("Nothing is written under the key any more. What is under it stays readable.")
    .argument("<id>", "key")
    .option("--yes", "yes, for good")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", "\nExample:\n  $ strongroom keys fence 1 --yes --data-dir rooms")
    .action(async (given: string, options: Options) => {
      const keyId = keyIdOf(given);
      confirmed(options, `key ${keyId} would be fenced for good`);
      const client = await clientOf(context, options);
      const answer = await change(context, options, (requestId) => client.fence(keyId, requestId));
      print(context, options, answer, (view) => [`key ${keyId} is fenced, ${since(view)}`]);
    });
}

export function addKeysRetire(keys: Command, context: Context): void {
  addTarget(keys.command("retire"))
    .summary("destroy a key that nothing is under")
    .description(
      "Destroys every wrap of a key and forgets it. Refused, with what and how much, while " +
        "anything is under it: `keys rewrite ID --wait` first. There is no way back.",
    )
    .argument("<id>", "key")
    .option("--yes", "yes, for good")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", "\nExample:\n  $ strongroom keys retire 1 --yes --data-dir rooms")
    .action(async (given: string, options: Options) => {
      const keyId = keyIdOf(given);
      confirmed(options, `every wrap of key ${keyId} would be destroyed`);
      const client = await clientOf(context, options);
      const answer = await change(context, options, (requestId) => client.retire(keyId, requestId));
      print(context, options, answer, (view) => [`key ${keyId} is retired, ${since(view)}`]);
    });
}
