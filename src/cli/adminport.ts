/**
 * Opens the admin port as the settings say, and leaves beside the data how to find it.
 * @module
 */

import type { AdminBackend } from "../admin/backend.ts";
import { type DoorTls, doorLimits } from "../admin/door.ts";
import { sidecarProbe } from "../admin/gate.ts";
import { healthPages } from "../admin/health.ts";
import { metricsPage } from "../admin/metrics/page.ts";
import {
  clearRunFile,
  type RunFile,
  runDirectory,
  tokenFile,
  writeRunFile,
} from "../admin/runfile.ts";
import { type AdminOptions, type AdminServer, serveAdmin } from "../admin/serve.ts";
import { keepToken } from "../admin/token.ts";
import { shareDescriptors } from "../base/descriptors.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import { sidecarFolder } from "../control/keeper.ts";
import type { CommandMeasures } from "../node/measures.ts";
import type { Context } from "./context.ts";
import type { Logger } from "./logger.ts";
import type { Settings } from "./settings/resolve.ts";

const adminPortDefault = 6381;

function readPem(context: Context, path: string): Buffer {
  try {
    return context.disk.readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new StrongroomError("ADMIN_TLS_INVALID", `${path}: ${code}`, { cause });
  }
}

function tlsOf(context: Context, settings: Settings): DoorTls | undefined {
  const { "admin-tls-cert": cert, "admin-tls-key": key, "admin-tls-ca": ca } = settings;
  if (cert === undefined || key === undefined) return undefined;
  const read = (path: string): Buffer => readPem(context, path);
  return { cert: read(cert), key: read(key), ...(ca === undefined ? {} : { ca: read(ca) }) };
}

/** A port that nobody named need not be the one that everybody expects. */
async function openPort(
  options: Omit<AdminOptions, "port">,
  port: number | undefined,
  logger: Logger,
): Promise<AdminServer> {
  if (port !== undefined) return serveAdmin({ ...options, port });
  try {
    return await serveAdmin({ ...options, port: adminPortDefault });
  } catch (error) {
    if (!isStrongroomError(error, "SERVER_LISTEN_FAILED")) throw error;
    const server = await serveAdmin({ ...options, port: 0 });
    logger.warn(`admin port ${adminPortDefault} is taken: it is ${server.url} instead`);
    return server;
  }
}

export interface AdminPort {
  readonly url: string;
  close(): Promise<void>;
}

export interface AdminPortInput {
  readonly backend: AdminBackend;
  readonly settings: Settings;
  readonly dataDir: string;
  readonly nodeId: string;
  /** Specs of the KEKs, meaning the same from any current directory. */
  readonly keks: readonly string[];
  /** Figures of the server of clients; null while none listens. */
  readonly commands: () => CommandMeasures | null;
}

/**
 * @throws ADMIN_TLS_REQUIRED, ADMIN_TLS_INVALID, ADMIN_TOKEN_UNSAFE, SERVER_LISTEN_FAILED.
 */
export async function openAdminPort(
  context: Context,
  { backend, settings, dataDir, nodeId, keks, commands }: AdminPortInput,
  logger: Logger,
): Promise<AdminPort> {
  const { disk, random } = context;
  const tls = tlsOf(context, settings);
  disk.makeDirectory(runDirectory(dataDir));
  const options = {
    backend,
    random,
    probe: sidecarProbe(disk, `${dataDir}/${sidecarFolder}`),
    token: keepToken(disk, random, tokenFile(dataDir)),
    host: settings["admin-bind"],
    tls,
    doorLimits: { ...doorLimits, connectionsMax: shareDescriptors(disk.descriptorsMax).admin },
    pages: { ...healthPages(backend), "/metrics": metricsPage(backend, commands) },
  };
  const server = await openPort(options, settings["admin-port"], logger);
  const certificate = tls === undefined ? {} : { certificate: tls.cert.toString("latin1") };
  const run: RunFile = { pid: process.pid, url: server.url, nodeId, keks, ...certificate };
  writeRunFile(disk, dataDir, run);
  return {
    url: server.url,
    close: async () => {
      clearRunFile(disk, dataDir, run);
      await server.close();
    },
  };
}
