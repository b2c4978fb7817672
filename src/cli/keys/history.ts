/**
 * `keys history`: every event in the life of the keys, with its time and proposer.
 * @module
 */
import type { Command } from "commander";
import { print, renderTime } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderTable } from "../table.ts";

/** What came and went, where the event tells all KEKs after and before. */
function rewrapText(detail: string): string {
  const [, after, before] = /^wrapped by (.*); before by (.*)$/.exec(detail) ?? [];
  if (after === undefined || before === undefined) return detail;
  const [now, then] = [after.split(", "), before.split(", ")];
  const came = now.filter((id) => !then.includes(id)).map((id) => `added ${id}`);
  const went = then.filter((id) => !now.includes(id)).map((id) => `removed ${id}`);
  const told = [...came, ...went].join(", ");
  return told === "" ? `wrapped anew by ${now.at(-1)}` : told;
}

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
          one.kind === "rewrap" ? rewrapText(one.detail) : one.detail,
        ]);
        return rows.length === 0 ? ["nothing has happened yet"] : renderTable([head, ...rows]);
      });
    });
}
