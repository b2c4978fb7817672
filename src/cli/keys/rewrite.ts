/**
 * `keys rewrite`: re-encrypts what lies under an older key, at a chosen speed, while the node
 * serves. It goes on after a restart; `--wait` only watches, Ctrl-C ends the watching alone.
 * @module
 */
import type { Command } from "commander";
import type { AdminClient, RewriteDone } from "../../admin/client.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { RewriteInfo } from "../../node/operations.ts";
import { keyIdOf, rateOf } from "../admin/arguments.ts";
import { change } from "../admin/call.ts";
import { print } from "../admin/print.ts";
import { Progress } from "../admin/progress.ts";
import { addTarget, clientOf, type Options } from "../admin/target.ts";
import type { Context } from "../context.ts";
import { partDone, progressNote, rewriteLine } from "./rewriteview.ts";

const verbs = ["pause", "resume", "cancel"] as const;
type Verb = (typeof verbs)[number] | "throttle" | "start";

const examples = `
Examples:
  $ strongroom keys rewrite 1 --wait --data-dir rooms
  $ strongroom keys rewrite 1 --throttle 20mb --data-dir rooms
  $ strongroom keys rewrite 1 --pause --data-dir rooms
  $ strongroom keys rewrite 0 --wait --data-dir rooms     # 0: what is still in clear`;

/** A throttle alone changes a running rewrite; with nothing running it starts one. */
function verbOf(options: Options, running: boolean): Verb {
  const given = verbs.filter((name) => options[name] === true);
  if (given.length > 1 || (given.length === 1 && options.throttle !== undefined))
    throw new StrongroomError(
      "CONFIG_INVALID",
      "one of --pause, --resume, --cancel and --throttle",
    );
  return given[0] ?? (running && options.throttle !== undefined ? "throttle" : "start");
}

async function runningNow(client: AdminClient, keyId: number): Promise<boolean> {
  const { keyring } = await client.status();
  const found = keyring.rewrites.find((one) => one.keyId === keyId);
  return found?.state === "running" || found?.state === "paused";
}

function perform(
  client: AdminClient,
  verb: Verb,
  id: string,
  keyId: number,
  rate?: number,
): Promise<RewriteDone> {
  switch (verb) {
    case "pause":
      return client.pauseRewrite(keyId, id);
    case "resume":
      return client.resumeRewrite(keyId, id);
    case "cancel":
      return client.cancelRewrite(keyId, id);
    case "throttle":
      return client.throttleRewrite(keyId, rate ?? 0, id);
    case "start":
      return client.startRewrite(keyId, rate, id);
  }
}

async function watch(context: Context, client: AdminClient, keyId: number): Promise<RewriteInfo> {
  const progress = new Progress(context);
  let last: RewriteInfo | undefined;
  try {
    for await (const info of client.watchRewrite(keyId)) {
      last = info;
      progress.show(partDone(info), progressNote(info));
    }
  } finally {
    progress.end();
  }
  if (last === undefined) throw new StrongroomError("ADMIN_STREAM_BROKEN", "rewrite");
  return last;
}

async function run(context: Context, given: string, options: Options): Promise<boolean> {
  const keyId = keyIdOf(given, 0);
  const rate = typeof options.throttle === "string" ? rateOf(options.throttle) : undefined;
  const client = await clientOf(context, options);
  const asked = await change(context, options, async (requestId) => {
    const verb = verbOf(options, rate !== undefined && (await runningNow(client, keyId)));
    return perform(client, verb, requestId, keyId, rate);
  });
  const waited = options.wait === true ? await watch(context, client, keyId) : asked.rewrite;
  print(context, options, waited, (view) => [rewriteLine(view)]);
  return options.wait !== true || waited.state === "done";
}

/** @param end - Told false if the rewrite that was waited for did not get done. */
export function addKeysRewrite(
  keys: Command,
  context: Context,
  end: (well: boolean) => void,
): void {
  addTarget(keys.command("rewrite"))
    .summary("re-encrypt what is under an older key")
    .description(
      "Copies what lies under a key under the active one, while the node serves, until nothing " +
        "is left under it. It survives restarts; asking again goes on, or changes the speed.",
    )
    .argument("<id>", "key to clear; 0 is what was written before encryption")
    .option("--throttle <bytes>", "bytes a second, as 50mb; 0: as fast as it goes")
    .option("--wait", "show progress until it is done")
    .option("--pause", "stop for a while")
    .option("--resume", "go on after a pause")
    .option("--cancel", "end it; what is copied stays copied")
    .option("--request-id <hex>", "ask again for the outcome of an earlier attempt")
    .addHelpText("after", examples)
    .action(async (id: string, options: Options) => end(await run(context, id, options)));
}
