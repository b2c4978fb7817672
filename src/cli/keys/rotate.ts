/**
 * `keys rotate`: a new data key becomes the active one. Old data stays readable; `keys rewrite`
 * moves it over, `keys retire` ends the old key.
 * @module
 */
import type { Command } from "commander";
import { keyIdOf, purposeOf } from "../admin/arguments.ts";
import { change } from "../admin/call.ts";
import { print, since } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";

export function addKeysRotate(keys: Command, context: Context): void {
  addTarget(keys.command("rotate"))
    .summary("make a new key the active one")
    .description(
      "Adds a new data key and makes it the active one: new writes use it at once, and nothing " +
        "stops. What is under the older key stays readable.",
    )
    .argument("<purpose>", "storage or log")
    .option("--if-active <id>", "do nothing unless this key is the active one")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", "\nExample:\n  $ strongroom keys rotate storage --data-dir rooms")
    .action(async (given: string, options: Options) => {
      const purpose = purposeOf(given);
      const { ifActive: named } = options;
      const ifActive = typeof named === "string" ? keyIdOf(named) : 0;
      const client = await clientOf(context, options);
      const answer = await change(context, options, (requestId) =>
        client.rotate(purpose, ifActive, requestId),
      );
      print(context, options, answer, (view) => [
        `the active ${purpose} key is ${view.keyId}, ${since(view)}`,
      ]);
    });
}
