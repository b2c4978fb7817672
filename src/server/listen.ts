/**
 * The listening sockets of the Redis port: TCP, TLS and a unix socket.
 * @module
 */
import { chmodSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { StrongroomError } from "../base/errors.ts";
import type { CommandSpec } from "../commands/command.ts";
import { type NativeSocket, nativeSockets } from "../platform/sockets.ts";
import type { Engine } from "../redis/port.ts";
import { RedisServer } from "../redis/server.ts";
import type { ServerOptions } from "../redis/settings.ts";
import { Acceptor } from "./accept.ts";
import { nodeHost } from "./host.ts";

/** Every one is a flag of `serve`. A port of 0 lets the system choose; absent: not listened on. */
export interface ListenOptions {
  readonly port?: number;
  /** Addresses to listen on. */
  readonly bind?: readonly string[];
  readonly unixSocket?: string;
  readonly tlsPort?: number;
  /** PEM files. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Given: clients must show a certificate of this authority. */
  readonly tlsCa?: string;
  /** True: plain TCP goes through Node's sockets even where the addon offers faster ones. */
  readonly nodeSockets?: boolean;
  readonly settings?: Omit<ServerOptions, "port" | "bind" | "unixsocket">;
  readonly engine: Engine;
  readonly commands: readonly CommandSpec[];
  /** Told of bugs that showed themselves while a command ran. */
  readonly report: (error: unknown) => void;
}

export interface Listening {
  readonly redis: RedisServer;
  /** Where clients may connect: "127.0.0.1:6380". */
  readonly addresses: readonly string[];
  /** Port of the first TCP listener, or 0. */
  readonly port: number;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
}

const backlog = 511;

function tlsOptions(options: ListenOptions): TlsOptions {
  try {
    if (options.tlsCert === undefined || options.tlsKey === undefined)
      throw new TypeError("--tls-cert and --tls-key are both needed");
    const authority = options.tlsCa === undefined ? {} : { ca: readFileSync(options.tlsCa) };
    return {
      cert: readFileSync(options.tlsCert),
      key: readFileSync(options.tlsKey),
      ...authority,
      requestCert: options.tlsCa !== undefined,
      rejectUnauthorized: options.tlsCa !== undefined,
      minVersion: "TLSv1.2",
      allowHalfOpen: true,
    };
  } catch (error) {
    throw new StrongroomError("SERVER_TLS_INVALID", (error as Error).message, { cause: error });
  }
}

async function listen(server: Server, where: { host?: string; port?: number; path?: string }) {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new StrongroomError("SERVER_LISTEN_FAILED", error.message, { cause: error })),
    );
    server.listen({ ...where, backlog }, resolve);
  });
  // A failed accept (no more descriptors) concerns that one connection.
  server.on("error", () => {});
}

/** A socket file that a dead process left behind. */
function removeStale(path: string): void {
  try {
    if (statSync(path).isSocket()) rmSync(path);
  } catch {
    // There is none.
  }
}

class Listeners {
  readonly servers: Server[] = [];
  /** Of those that the addon took over. */
  private readonly native: NativeSocket[] = [];
  readonly addresses: string[] = [];
  port = 0;
  private readonly redis: RedisServer;
  private readonly acceptor: Acceptor;

  constructor(redis: RedisServer, acceptor: Acceptor) {
    this.redis = redis;
    this.acceptor = acceptor;
  }

  private readonly keepAliveSeconds = () => Number(this.redis.settings.get("tcp-keepalive"));

  private handler(unixPath: string): (socket: Socket) => void {
    const { keepAliveSeconds } = this;
    return (socket) => this.acceptor.accept(socket, { unixPath, keepAliveSeconds });
  }

  async tcp(host: string, port: number): Promise<void> {
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true };
    const server = createServer(options, this.handler(""));
    await listen(server, { host, port });
    this.add(server, host);
    const native = this.acceptor.takeOver(server, this.keepAliveSeconds);
    if (native === null) return;
    this.native.push(native);
    // Closes Node's descriptor; the port is listened on through the addon's.
    server.close();
  }

  async tls(host: string, port: number, options: TlsOptions): Promise<void> {
    const server = createTlsServer(options, this.handler(""));
    server.on("tlsClientError", () => {});
    await listen(server, { host, port });
    this.add(server, host);
  }

  async unix(path: string): Promise<void> {
    removeStale(path);
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, this.handler(path));
    await listen(server, { path });
    chmodSync(path, 0o600);
    this.servers.push(server);
    this.addresses.push(path);
  }

  private add(server: Server, host: string): void {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    if (this.port === 0) this.port = port;
    this.servers.push(server);
    this.addresses.push(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  }

  async close(): Promise<void> {
    for (const socket of this.native.splice(0)) socket.close(false);
    const closed = this.servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.redis.close();
    await Promise.all(closed);
  }
}

/**
 * Opens the listeners. If one fails, those opened before are closed.
 * @throws StrongroomError SERVER_LISTEN_FAILED, SERVER_TLS_INVALID.
 */
export async function serveRedis(options: ListenOptions): Promise<Listening> {
  const bind = options.bind ?? ["127.0.0.1"];
  const tls = options.tlsPort === undefined ? null : tlsOptions(options);
  const redis = new RedisServer({
    engine: options.engine,
    host: nodeHost(options.report),
    commands: options.commands,
    settings: {
      ...options.settings,
      port: options.port ?? 0,
      bind: bind.join(" "),
      unixsocket: options.unixSocket ?? "",
      "tls-port": options.tlsPort ?? 0,
    },
  });
  const sockets = options.nodeSockets === true ? null : nativeSockets();
  const listeners = new Listeners(redis, new Acceptor(redis, sockets));
  try {
    for (const host of bind) {
      if (options.port !== undefined) await listeners.tcp(host, options.port);
      if (tls !== null) await listeners.tls(host, options.tlsPort as number, tls);
    }
    if (options.unixSocket !== undefined) await listeners.unix(options.unixSocket);
  } catch (error) {
    await listeners.close();
    throw error;
  }
  const { addresses, port } = listeners;
  return { redis, addresses, port, close: () => listeners.close() };
}
