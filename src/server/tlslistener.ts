/**
 * Clients that speak TLS. Hazard it guards: whoever connects holds a descriptor from the first
 * moment, though the connection begins with the end of the handshake. So handshakes count as
 * clients, one too many is dropped (as Redis does, without a word, which would have to be
 * encrypted), and they take no longer than a few seconds.
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { StrongroomError } from "../base/errors.ts";
import type { RedisServer } from "../redis/server.ts";

const handshakeMsMax = 10_000;

export interface TlsFiles {
  /** PEM files. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Given: clients must show a certificate of this authority. */
  readonly tlsCa?: string;
  /** How long a client may take for the handshake. Default 10 s. */
  readonly handshakeMsMax?: number;
}

/** @throws SERVER_TLS_INVALID. */
export function tlsOptions(options: TlsFiles): TlsOptions {
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
      handshakeTimeout: options.handshakeMsMax ?? handshakeMsMax,
    };
  } catch (error) {
    throw new StrongroomError("SERVER_TLS_INVALID", (error as Error).message, { cause: error });
  }
}

export class TlsListener {
  /** Accepts; what it accepts is handed to one that never listens itself. */
  readonly server: Server;
  private readonly redis: RedisServer;
  /** All that are open, whatever they have come to. */
  private readonly sockets = new Set<Socket>();

  /** @param accept - Called at the end of a handshake. */
  constructor(redis: RedisServer, tls: TlsOptions, accept: (socket: TLSSocket) => void) {
    this.redis = redis;
    const shaking = createTlsServer(tls, (socket) => {
      redis.handshakes--;
      socket.once("close", () => {
        redis.handshakes++;
      });
      accept(socket);
    });
    // One that is late is only told of here: Node leaves it open.
    shaking.on("tlsClientError", (_, socket) => socket.destroy());
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.begin(socket, shaking));
  }

  /** From here to its "close" a socket counts, as a handshake or as a client. */
  private begin(socket: Socket, shaking: Server): void {
    socket.on("error", () => {});
    if (this.redis.isFull) {
      this.redis.refused();
      socket.destroy();
      return;
    }
    this.redis.handshakes++;
    this.sockets.add(socket);
    socket.once("close", () => {
      this.redis.handshakes--;
      this.sockets.delete(socket);
    });
    shaking.emit("connection", socket);
  }

  /** Ends what is left. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
