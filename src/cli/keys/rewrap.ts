/**
 * `keys rewrap`: which KEKs wrap the data keys. Without a flag it asks every KEK whether it answers
 * and changes nothing.
 * @module
 */
import type { Command } from "commander";
import { StrongroomError } from "../../base/errors.ts";
import { change, confirmed } from "../admin/call.ts";
import { print, since } from "../admin/print.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { renderTable } from "../table.ts";
import { healthText, latencyText } from "./status.ts";

const examples = `
Without a flag every KEK is asked to wrap and open something: status 3 if one does not.
A KEK that is added is used by the running node only: name it with --kek at the next start too.
Wraps that go are cleared from older files before the command ends. A KEK that is replaced by itself
wraps anew, by the newest version of its key.

Examples:
  $ strongroom keys rewrap --data-dir rooms
  $ strongroom keys rewrap --add file:/etc/strongroom/second.kek --data-dir rooms
  $ strongroom keys rewrap --replace local:1f0c… --by file:/etc/strongroom/third.kek --yes
  $ strongroom keys rewrap --remove local:1f0c… --yes --data-dir rooms`;

function textOf(options: Options, name: string): string | null {
  const value = options[name];
  return typeof value === "string" ? value : null;
}

/** @returns whether every KEK answers. */
async function probe(context: Context, options: Options): Promise<boolean> {
  const keks = await (await clientOf(context, options)).probeKeks();
  print(context, options, { keks }, () => {
    const head = ["KEK", "provider", "health", "latency"];
    const rows = keks.map((one) => [one.id, one.provider, healthText(one), latencyText(one)]);
    return rows.length === 0 ? ["no KEK is configured"] : renderTable([head, ...rows]);
  });
  return keks.every(({ healthy }) => healthy);
}

/** @returns false if a KEK was asked and does not answer. */
async function run(context: Context, options: Options): Promise<boolean> {
  const [add, remove, replace, by] = ["add", "remove", "replace", "by"].map((name) =>
    textOf(options, name),
  ) as [string | null, string | null, string | null, string | null];
  const wanted = [add, remove, replace].filter((one) => one !== null).length;
  if (wanted > 1) throw new StrongroomError("CONFIG_INVALID", "one of --add, --remove, --replace");
  if ((replace === null) !== (by === null))
    throw new StrongroomError("CONFIG_INVALID", "--replace and --by belong together");
  if (wanted === 0) return probe(context, options);
  const client = await clientOf(context, options);
  if (add !== null) {
    const answer = await change(context, options, (requestId) => client.addKek(add, requestId));
    print(context, options, answer, (view) => [`wrapped by ${view.kekId} too, ${since(view)}`]);
    return true;
  }
  const gone = remove ?? (replace as string);
  confirmed(options, `the wraps of KEK ${gone} would be destroyed`);
  if (by === null) {
    const answer = await change(context, options, (requestId) => client.removeKek(gone, requestId));
    print(context, options, answer, (view) => [`no wrap of ${gone} is left, ${since(view)}`]);
    return true;
  }
  const answer = await change(context, options, (requestId) =>
    client.replaceKek(gone, by, requestId),
  );
  print(context, options, answer, (view) => [
    view.kekId === gone
      ? `wrapped anew by ${gone}, ${since(view)}`
      : `${view.kekId} wraps for ${gone}, ${since(view)}`,
  ]);
  return true;
}

/** @param end - Told false if a KEK was asked and does not answer. */
export function addKeysRewrap(keys: Command, context: Context, end: (well: boolean) => void): void {
  addTarget(keys.command("rewrap"))
    .summary("add, replace or remove a KEK")
    .description(
      "Changes which KEKs wrap the data keys; data is not touched. Each key is seen to open " +
        "under a new KEK before an old wrap goes. The last KEK that the node can use stays.",
    )
    .option("--add <spec>", "KEK to add, as `serve --kek` takes it")
    .option("--remove <id>", "KEK whose wraps go, by the id of `keys status`")
    .option("--replace <id>", "KEK whose wraps go once those of --by stand")
    .option("--by <spec>", "with --replace: the KEK that comes")
    .option("--yes", "wraps may be destroyed")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", examples)
    .action(async (options: Options) => end(await run(context, options)));
}
