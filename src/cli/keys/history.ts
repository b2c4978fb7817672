/**
 * `keys history`: every event in the life of the keys, with its time and proposer.
 * @module
 */
import type { Command } from "commander";
import { print, renderTime } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderTable } from "../table.ts";

export function addKeysHistory(keys: Command, context: Context): void {
  addTarget(keys.command("history"))
    .summary("show every event of the keys")
    .description("Shows what was done to keys: entry, time, proposer. Newest last.")
    .addHelpText("after", "\nExample:\n  $ strongroom keys history --data-dir rooms --json")
    .action(async (options: Options) => {
      const events = await (await clientOf(context, options)).history();
      print(context, options, { events }, () => {
        const head = ["entry", "time", "proposer", "event", "key", "purpose", "detail"];
        const rows = events.map((one) => [
          one.index,
          renderTime(one.timeMs),
          one.proposer,
          one.kind,
          one.keyId === 0 ? "" : one.keyId,
          one.purpose,
          one.detail,
        ]);
        return rows.length === 0 ? ["nothing has happened yet"] : renderTable([head, ...rows]);
      });
    });
}
