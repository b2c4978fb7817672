/**
 * What DEBUG has for test suites besides data and replies: SLEEP seconds, ERROR text,
 * SET-ACTIVE-EXPIRE 0 | 1, RELOAD [MERGE] [NOFLUSH] [NOSAVE], LOADAOF, DROPCACHE (ours), and what
 * is accepted and has nothing to act on here. All reply +OK, ERROR the error that it was given.
 * @module
 */
import { syntaxError } from "../../../commands/failures.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { Call } from "../../context.ts";
import { parseMemory } from "../../memorysize.ts";
import { ok } from "../define.ts";
import type { DebugSubcommand } from "./subcommand.ts";

const secondsMax = 3600;
const packedBytesMax = 2 ** 32;
const reloadOptions = ["merge", "noflush", "nosave"];

function sub(
  name: string,
  usage: string,
  summary: string,
  run: DebugSubcommand["run"],
): DebugSubcommand {
  const count = usage === "" ? 0 : usage.split(" ").length;
  return { name, usage, summary, argumentsMin: count, argumentsMax: count, run };
}

/** As C's strtod: what is no number is 0. */
function sleep({ server, args, reply }: Call): void {
  const seconds = Number.parseFloat(args.beginning(0, 64)) || 0;
  if (seconds > secondsMax) throw syntaxError();
  if (seconds > 0) server.host.block(seconds * 1000);
  reply.ok();
}

async function reload({ server, args, reply }: Call): Promise<void> {
  for (let i = 0; i < args.count; i++)
    if (!reloadOptions.some((option) => args.is(i, option)))
      throw new CommandError(
        "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
      );
  await server.engine.evictAll();
  reply.ok();
}

/** As C's atoi: what is no number is 0. */
function activeExpire({ server, args, reply }: Call): void {
  server.engine.setActiveExpiry((Number.parseInt(args.beginning(0, 32), 10) || 0) !== 0);
  reply.ok();
}

function packedThreshold({ args, reply }: Call): void {
  const bytes = parseMemory(args.beginning(0, 32));
  if (bytes === null || bytes > packedBytesMax)
    throw new CommandError(
      "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
    );
  reply.ok();
}

const nothing = "Accepted, with nothing to act on here";
const dropped = "Save, then drop what is resident so that it is read again";
const reloading = { later: true, run: reload } as const;

export const switches: readonly DebugSubcommand[] = [
  sub("aof-flush-sleep", "<microsec>", nothing, ok),
  sub("change-repl-id", "", nothing, ok),
  { ...sub("dropcache", "", dropped, ok), ...reloading },
  sub("error", "<string>", "Reply with this error", ({ args, reply }) => reply.error(args.text(0))),
  { ...sub("loadaof", "", dropped, ok), ...reloading },
  sub("pause-cron", "<0|1>", nothing, ok),
  sub("quicklist-packed-threshold", "<size>", nothing, packedThreshold),
  { ...sub("reload", "[option ...]", dropped, ok), ...reloading, argumentsMin: 0, argumentsMax: 9 },
  { ...sub("replicate", "<string>", nothing, ok), argumentsMax: Number.POSITIVE_INFINITY },
  sub("set-active-expire", "<0|1>", "Switch active expiry off (0) or on (1)", activeExpire),
  sub("set-disable-deny-scripts", "<0|1>", nothing, ok),
  sub("sleep", "<seconds>", "Stop the server for so many seconds", sleep),
];
