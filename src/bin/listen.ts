/**
 * Opens the sockets of clients as the settings say.
 * @module
 */

import { descriptorsLeast, shareDescriptors } from "../base/descriptors.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Logger } from "../cli/logger.ts";
import { tellable } from "../cli/logger.ts";
import type { Listening } from "../cli/serve.ts";
import type { Settings } from "../cli/settings/resolve.ts";
import type { StopRequest } from "../cli/stop.ts";
import { commands } from "../commands/table.ts";
import type { StrongroomNode } from "../node/open.ts";
import { descriptorsMax } from "../platform/descriptors.ts";
import { commandMeasures } from "../redis/measures.ts";
import type { ServerOptions } from "../redis/settings.ts";
import { type ListenOptions, serveRedis } from "../server/listen.ts";

/** Parameters of CONFIG, by Redis's names. */
function redisSettings(settings: Settings): Omit<ServerOptions, "port" | "bind" | "unixsocket"> {
  const { requirepass } = settings;
  const text = (name: "tls-cert" | "tls-key" | "tls-ca") => settings[name] ?? "";
  return {
    maxclients: settings.maxclients,
    timeout: settings.timeout,
    "protected-mode": settings["protected-mode"] ? "yes" : "no",
    "tcp-keepalive": settings["tcp-keepalive"],
    "enable-debug-command": settings["enable-debug-command"],
    "tls-cert-file": text("tls-cert"),
    "tls-key-file": text("tls-key"),
    "tls-ca-cert-file": text("tls-ca"),
    "tls-auth-clients": settings["tls-auth-clients"],
    dir: settings["data-dir"],
    ...(requirepass === undefined ? {} : { requirepass }),
  };
}

/**
 * How many clients there are descriptors for, beside those that the node needs itself.
 * @throws SERVER_DESCRIPTORS_FEW.
 */
function clientsMax(settings: Settings, logger: Logger): number {
  const descriptors = descriptorsMax();
  const { clients } = shareDescriptors(descriptors);
  if (clients < 1) {
    const detail = `they are ${descriptors}, and ${descriptorsLeast} the least`;
    throw new StrongroomError("SERVER_DESCRIPTORS_FEW", detail);
  }
  if (clients < settings.maxclients)
    logger.warn(
      { descriptors, asked: settings.maxclients, maxclients: clients },
      "maxclients is lowered: the process may open too few files (ulimit -n, LimitNOFILE)",
    );
  return clients;
}

/**
 * Nothing stays open if it throws.
 * @throws SERVER_DESCRIPTORS_FEW, SERVER_LISTEN_FAILED, SERVER_TLS_INVALID.
 */
export async function listen(
  node: StrongroomNode,
  settings: Settings,
  _stop: StopRequest,
  logger: Logger,
): Promise<Listening> {
  const listening = await serveRedis({
    engine: node.engine,
    commands,
    bind: settings.bind,
    settings: { ...redisSettings(settings), clientsMax: clientsMax(settings, logger) },
    report: (error) => logger.error(tellable(error), "a defect showed itself in a command"),
    ...(settings.port === 0 ? {} : { port: settings.port }),
    ...(settings.unixsocket === undefined ? {} : { unixSocket: settings.unixsocket }),
    ...tlsOptions(settings),
  });
  listening.redis.settings.set("proto-max-bulk-len", String(settings["value-bytes-max"]));
  return Object.assign(listening, { measures: () => commandMeasures(listening.redis) });
}

function tlsOptions(settings: Settings): Partial<ListenOptions> {
  const { "tls-cert": tlsCert, "tls-key": tlsKey, "tls-ca": tlsCa } = settings;
  if (settings["tls-port"] === 0 || tlsCert === undefined || tlsKey === undefined) return {};
  const demanded = tlsCa !== undefined && settings["tls-auth-clients"] === "yes";
  return { tlsPort: settings["tls-port"], tlsCert, tlsKey, ...(demanded ? { tlsCa } : {}) };
}
