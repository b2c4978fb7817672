/**
 * The listening sockets of the Redis port: TCP, TLS and a unix socket.
 * @module
 */
import { createServer, type Server } from "node:net";
import type { TlsOptions } from "node:tls";
import { StrongroomError } from "../base/errors.ts";
import type { CommandSpec } from "../commands/command.ts";
import { type NativeSocket, nativeSockets } from "../platform/sockets.ts";
import type { Engine } from "../redis/port.ts";
import { RedisServer } from "../redis/server.ts";
import type { ServerOptions } from "../redis/settings.ts";
import { type AcceptOptions, Acceptor } from "./accept.ts";
import { nodeHost } from "./host.ts";
import { type TlsFiles, TlsListener, tlsOptions } from "./tlslistener.ts";
import { UnixPath } from "./unixpath.ts";

/** Every one is a flag of `serve`. A port of 0 lets the system choose; absent: not listened on. */
export interface ListenOptions extends TlsFiles {
  readonly port?: number;
  /** Addresses to listen on. */
  readonly bind?: readonly string[];
  readonly unixSocket?: string;
  readonly tlsPort?: number;
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

class Listeners {
  readonly servers: Server[] = [];
  /** Of those that the addon took over. */
  private readonly native: NativeSocket[] = [];
  private readonly secure: TlsListener[] = [];
  private readonly files: UnixPath[] = [];
  readonly addresses: string[] = [];
  port = 0;
  private readonly redis: RedisServer;
  private readonly acceptor: Acceptor;

  constructor(redis: RedisServer, acceptor: Acceptor) {
    this.redis = redis;
    this.acceptor = acceptor;
  }

  /** @param unixPath - "" for TCP. */
  private accepting(unixPath: string): AcceptOptions {
    return { unixPath, keepAliveSeconds: () => Number(this.redis.settings.get("tcp-keepalive")) };
  }

  async tcp(host: string, port: number): Promise<void> {
    const options = this.accepting("");
    const server = this.plain(options);
    await listen(server, { host, port });
    this.add(server, host);
    this.takeOver(server, options);
  }

  async tls(host: string, port: number, tls: TlsOptions): Promise<void> {
    const options = this.accepting("");
    const secure = new TlsListener(this.redis, tls, (socket) =>
      this.acceptor.accept(socket, options),
    );
    await listen(secure.server, { host, port });
    this.secure.push(secure);
    this.add(secure.server, host);
  }

  async unix(path: string): Promise<void> {
    const file = new UnixPath(path);
    file.clear();
    const options = this.accepting(path);
    const server = this.plain(options);
    await listen(server, { path: file.made });
    this.servers.push(server);
    file.settle();
    this.files.push(file);
    this.addresses.push(path);
    this.takeOver(server, options);
  }

  private plain(options: AcceptOptions): Server {
    return createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) =>
      this.acceptor.accept(socket, options),
    );
  }

  private takeOver(server: Server, options: AcceptOptions): void {
    const native = this.acceptor.takeOver(server, options);
    if (native === null) return;
    this.native.push(native);
    // Closes Node's descriptor; clients reach the addon's.
    server.close();
  }

  private add(server: Server, host: string): void {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    if (this.port === 0) this.port = port;
    this.servers.push(server);
    this.addresses.push(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  }

  async close(): Promise<void> {
    for (const file of this.files.splice(0)) file.remove();
    for (const socket of this.native.splice(0)) socket.close(false);
    const closed = this.servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.redis.close();
    for (const secure of this.secure.splice(0)) secure.destroy();
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
