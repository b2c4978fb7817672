#!/usr/bin/env node
/**
 * The program: puts the parts together and turns signals and crashes into exit statuses. A crash
 * ends the process at once, for nothing is known about its state any more; what it prints holds no
 * text of the error, since that may quote data. Everything acknowledged is in the log.
 * @module
 */
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { setFlagsFromString } from "node:v8";
import { StrongroomError } from "../base/errors.ts";
import type { Context } from "../cli/context.ts";
import { type Logger, openLogger, tellable } from "../cli/logger.ts";
import { exitStatus, type Parts, run } from "../cli/program.ts";
import type { ServedNode } from "../cli/serve.ts";
import type { Settings } from "../cli/settings/resolve.ts";
import { StopRequest } from "../cli/stop.ts";
import { lockForReading } from "../cli/verify/lock.ts";
import type { NodeOptions } from "../node/api.ts";
import type { StrongroomNode } from "../node/open.ts";
import { systemClock } from "../platform/clock.ts";
import { NodeDisk } from "../platform/disk.ts";
import { systemRandom } from "../platform/random.ts";

// A small Buffer that lives on keeps the whole pool that it was cut from: of 64 KiB by default, and
// after an hour 30 MiB were held by names and MACs of a few dozen bytes.
Buffer.poolSize = 8192;
// For worker threads, which make little garbage: this thread's heap has the size that the launcher
// gave it, and that flag would hold for theirs whatever their limits say.
setFlagsFromString("--max-semi-space-size=1");

const stop = new StopRequest();

const context: Context = {
  disk: new NodeDisk(),
  random: systemRandom,
  clock: systemClock,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  ...(process.stderr.isTTY ? { redraw: (text: string) => void process.stderr.write(text) } : {}),
  environment: process.env,
  home: homeOrNone(),
};

/** Who is no user of this machine, and was given no home, has none. */
function homeOrNone(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}

/** After these nobody knows what the disk holds: the process must not go on. */
const fatalCodes = /^\[((?:LOG|STORE)_WRITE_FAILED)\] (.*)$/s;

function alarmOf(logger: Logger): (event: string, detail: string) => void {
  return (event, detail) => {
    logger.error({ event, detail }, "needs attention");
    const fatal = event === "halted" ? fatalCodes.exec(detail) : null;
    if (fatal === null) return;
    const error = new StrongroomError(fatal[1] as "LOG_WRITE_FAILED", fatal[2]);
    stop.request({ kind: "fatal", error });
  };
}

function nodeOptions(settings: Settings): NodeOptions {
  const nodeId = settings["node-id"];
  const segmentBytes = settings["segment-bytes"];
  const logFileBytes = settings["log-file-bytes"];
  return {
    dataDir: settings["data-dir"],
    keks: settings.kek,
    encryption: settings.encryption,
    cacheBytes: settings["cache-bytes"],
    compress: settings.compress,
    valueBytesMax: settings["value-bytes-max"],
    clock: settings.clock,
    rotateAfter: settings["rotate-after"],
    rotateOnStartup: settings["rotate-on-startup"],
    flushBytes: settings["flush-bytes"],
    flushIntervalMs: settings["flush-interval-ms"],
    rebuildSidecar: settings["rebuild-sidecar"],
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    ...(logFileBytes === undefined ? {} : { logFileBytes }),
  };
}

async function openServed(settings: Settings, stop: StopRequest, logger: Logger) {
  const { openNode } = await import("../node/open.ts");
  const shutdown = (): Promise<void> => {
    stop.request({ kind: "shutdown" });
    return new Promise(() => {});
  };
  const stopping = (): boolean => stop.reason !== null;
  return openNode(nodeOptions(settings), { alarm: alarmOf(logger), shutdown, stopping });
}

/** Loaded when they are needed: `status` and its like start in a fraction of the time. */
const parts: Parts<StrongroomNode & ServedNode> = {
  openNode: openServed,
  listen: async (...all) => {
    const { listen } = await import("./listen.ts");
    const listening = await listen(...all);
    // By now the threads that write the log are there, too.
    const { askForShortTurns } = await import("../platform/slices.ts");
    askForShortTurns();
    const { keepHeapTrim } = await import("../platform/heap.ts");
    keepHeapTrim();
    // What was compiled is kept for the next start, also if this one ends by a kill.
    flushCompileCache();
    return listening;
  },
  verifyDirectory: async (dataDir, keks) => {
    const { disk, random } = context;
    const { loadPrimitives } = await import("../platform/primitives.ts");
    const { verifyDirectory } = await import("../cli/verify/directory.ts");
    return verifyDirectory({ disk, random, primitives: loadPrimitives() }, dataDir, keks);
  },
  lockDirectory: (dataDir) => lockForReading(context.disk, dataDir),
};

function crash(error: unknown): never {
  openLogger("fatal").fatal({ crash: tellable(error) }, "a defect of the program");
  process.exit(exitStatus.crash);
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);
for (const name of ["SIGTERM", "SIGINT"] as const)
  process.on(name, () => stop.request({ kind: "signal", name }));

process.exit(await run(process.argv.slice(2), { context, parts, stop, version: version() }));
