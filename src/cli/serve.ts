/**
 * `serve`: opens node, listeners and admin endpoint in this order and closes them in reverse, at
 * the end as well as when a later one fails, so that no start leaves a file or a socket open.
 * @module
 */
import { resolve } from "node:path";
import type { AdminBackend } from "../admin/backend.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { CommandMeasures } from "../node/measures.ts";
import { unusable } from "../platform/unusable.ts";
import { banner, newKeyAdvice } from "./banner.ts";
import type { Context } from "./context.ts";
import { defaultKeyFile, isInside } from "./keyfile.ts";
import { type Logger, tellable } from "./logger.ts";
import { checkSettings, warningsOf } from "./settings/check.ts";
import type { Settings } from "./settings/resolve.ts";
import type { StopReason, StopRequest } from "./stop.ts";

/** What `serve` needs of an opened node. */
export interface ServedNode extends AdminBackend {
  /** Flushes and closes everything. */
  close(): Promise<void>;
}

export interface Listening {
  /** Port of clients in clear, 0 if there is none. */
  readonly port: number;
  /** What it counts, for metrics. */
  measures?(): CommandMeasures;
  close(): Promise<void>;
}

/** The parts that are put together by `bin`, and by tests from fakes. */
export interface ServeParts<Node extends ServedNode> {
  openNode(settings: Settings, stop: StopRequest, logger: Logger): Promise<Node>;
  listen(node: Node, settings: Settings, stop: StopRequest, logger: Logger): Promise<Listening>;
}

export interface ServeRequest {
  readonly settings: Settings;
  /** Use, or make, the default key file when no KEK is named. */
  readonly useDefaultKeyFile: boolean;
  readonly version: string;
}

const closeMsMax = 15_000;

/** The settings with the KEK that they leave to us. */
function withKek(context: Context, request: ServeRequest): Settings {
  const { settings } = request;
  const wanted = request.useDefaultKeyFile && settings.encryption === "on";
  if (!wanted || settings.kek.length > 0) return settings;
  const key = defaultKeyFile(context, settings["data-dir"]);
  if (key.made) for (const line of newKeyAdvice(key.path)) context.out(line);
  return { ...settings, kek: [`file:${key.path}`] };
}

function warn(settings: Settings, logger: Logger): void {
  for (const warning of warningsOf(settings)) logger.warn(warning);
  const beside = settings.kek.filter(
    (spec) => spec.startsWith("file:") && isInside(spec.slice(5), settings["data-dir"]),
  );
  if (beside.length > 0)
    logger.warn("a key file stands in the data directory: whoever copies the data has the key");
}

type Close = () => void | Promise<void>;

/** Opens everything; each opened part puts its end on `closers`. */
async function start<Node extends ServedNode>(
  context: Context,
  parts: ServeParts<Node>,
  request: ServeRequest & { stop: StopRequest; logger: Logger },
  closers: Close[],
): Promise<string[]> {
  const { settings, stop, logger } = request;
  const dataDir = resolve(settings["data-dir"]);
  const node = await parts.openNode(settings, stop, logger);
  closers.push(() => node.close());
  const status = await node.status();
  // What the flag asks for is refused over sealed data: this is told of what is.
  if (!status.encryption) logger.warn("encryption is off: everything is written in clear");
  const { nodeId, primitives } = status;
  const keks = settings.kek.map(absoluteSpec);
  let listening: Listening | null = null;
  const commands = () => listening?.measures?.() ?? null;
  const input = { backend: node, settings, dataDir, nodeId, keks, commands };
  // Loaded here: the other commands start in a fraction of the time.
  const { openAdminPort } = await import("./adminport.ts");
  const admin = await openAdminPort(context, input, logger).catch((error) => {
    throw unusable(error, dataDir);
  });
  closers.push(() => admin.close());
  const opened = await parts.listen(node, settings, stop, logger);
  listening = opened;
  closers.push(() => opened.close());
  const { version } = request;
  return banner({ version, settings, dataDir, port: opened.port, primitives });
}

/** A spec that means the same from another current directory. */
function absoluteSpec(spec: string): string {
  return spec.startsWith("file:") ? `file:${resolve(spec.slice(5))}` : spec;
}

async function closeAll(closers: Close[]): Promise<Error | null> {
  let failure: Error | null = null;
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      failure ??= error instanceof Error ? error : new StrongroomError("ADMIN_INTERNAL");
    }
  }
  return failure;
}

async function closeInTime(closers: Close[], logger: Logger): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((tell) => {
    timer = setTimeout(() => tell("late"), closeMsMax);
  });
  const failure = await Promise.race([closeAll(closers), late]);
  clearTimeout(timer);
  if (failure === null) return 0;
  if (failure === "late") logger.error({ closeMsMax }, "stopping took too long; left as it is");
  else logger.error(tellable(failure), "stopping failed");
  return 1;
}

function tellStop(reason: StopReason, logger: Logger): void {
  if (reason.kind === "fatal") logger.fatal(tellable(reason.error), "the node cannot go on");
  else logger.info({ reason: reason.kind === "signal" ? reason.name : "SHUTDOWN" }, "stopping");
}

/**
 * Runs a node until it is told to stop.
 * @returns the exit status: 0 after a stop in good order.
 * @throws what refused the start, with everything closed again.
 */
export async function serve<Node extends ServedNode>(
  context: Context,
  parts: ServeParts<Node>,
  request: ServeRequest,
  stop: StopRequest,
  logger: Logger,
): Promise<number> {
  checkSettings(request.settings);
  const settings = withKek(context, request);
  warn(settings, logger);
  const closers: Close[] = [];
  try {
    const lines = await start(context, parts, { ...request, settings, stop, logger }, closers);
    for (const line of lines) context.out(line);
  } catch (error) {
    await closeAll(closers);
    if (stop.reason === null || !isStrongroomError(error, "NODE_STOPPING")) throw error;
    tellStop(stop.reason, logger);
    return 0;
  }
  const reason = await stop.requested;
  tellStop(reason, logger);
  const status = await closeInTime(closers, logger);
  if (reason.kind === "fatal") {
    const { error } = reason;
    if (error instanceof StrongroomError) context.err(error.explain());
    return status === 0 ? 1 : status;
  }
  if (status === 0) logger.info("stopped; everything acknowledged is on disk");
  return status;
}
