/**
 * One port for HTTP/1.1 and HTTP/2, in clear and under TLS. In clear nothing is negotiated, so the
 * first bytes of a connection decide: an HTTP/2 client begins with a fixed preface (RFC 9113,
 * section 3.4) that is no request of HTTP/1.1.
 *
 * The hazard: everybody on the machine can connect. Whoever has not shown who they are holds a
 * connection for seconds only, and little memory.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  createServer as createHttp2,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { StrongroomError } from "../base/errors.ts";

/** RFC 9113, section 3.4. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export interface DoorLimits {
  readonly connectionsMax: number;
  /** Until the first request is whole, and for the body of each request. */
  readonly requestMsMax: number;
  readonly headerBytesMax: number;
  /** Without a request a connection that was let in is closed. */
  readonly idleMsMax: number;
  /** Requests at once on one HTTP/2 connection. */
  readonly streamsMax: number;
}

export const doorLimits: DoorLimits = {
  connectionsMax: 64,
  requestMsMax: 10_000,
  headerBytesMax: 8 * 1024,
  idleMsMax: 600_000,
  streamsMax: 32,
};

export interface DoorTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities of clients that need no token. */
  readonly ca?: Buffer;
}

export type DoorRequest = IncomingMessage | Http2ServerRequest;
export type DoorResponse = ServerResponse | Http2ServerResponse;
/** @returns true if who asks was let in: its connection may live on. */
export type DoorListener = (request: DoorRequest, response: DoorResponse) => boolean;

export interface Door {
  readonly port: number;
  close(): Promise<void>;
}

/** HTTP/2 over sockets that are handed over, with every queue of it bounded. */
function secondVersion(listener: DoorListener, limits: DoorLimits): Http2Server {
  const server = createHttp2({
    maxSessionMemory: 2,
    maxHeaderListPairs: 64,
    maxOutstandingPings: 2,
    maxSettings: 16,
    maxSessionRejectedStreams: 16,
    maxSessionInvalidFrames: 16,
    streamResetBurst: 100,
    streamResetRate: 20,
    settings: { maxConcurrentStreams: limits.streamsMax, maxHeaderListSize: limits.headerBytesMax },
  });
  const strangers = new WeakMap<object, NodeJS.Timeout>();
  server.on("session", (session: ServerHttp2Session) => {
    // Pings and the like prove nothing: until a request was let in, the time is counted.
    const late = setTimeout(() => session.destroy(), limits.requestMsMax);
    strangers.set(session, late);
    session.once("close", () => clearTimeout(late));
    session.setTimeout(limits.idleMsMax, () => session.close());
    session.on("error", () => session.destroy());
  });
  server.on("sessionError", () => {});
  server.on("request", (request, response) => {
    const { session } = request.stream;
    const admitted = bounded(request, limits, () => listener(request, response));
    if (session === undefined) return;
    if (admitted) clearTimeout(strangers.get(session));
    else session.close();
  });
  return server;
}

/** Ends a request whose body does not come in time. */
function bounded(request: DoorRequest, limits: DoorLimits, work: () => boolean): boolean {
  const late = setTimeout(() => request.destroy(), limits.requestMsMax);
  const arrived = (): void => clearTimeout(late);
  request.once("end", arrived);
  request.once("close", arrived);
  request.on("error", arrived);
  return work();
}

function firstVersion(
  listener: DoorListener,
  limits: DoorLimits,
  tls: DoorTls | undefined,
): Server {
  const answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const admitted = bounded(request, limits, () => listener(request, response));
    if (!admitted) endAfter(response);
    return admitted;
  };
  const options = {
    maxHeaderSize: limits.headerBytesMax,
    connectionsCheckingInterval: Math.ceil(limits.requestMsMax / 4),
  };
  const server =
    tls === undefined
      ? createServer(options, answer)
      : createHttps(
          {
            ...options,
            ...tls,
            ALPNProtocols: ["h2", "http/1.1"],
            minVersion: "TLSv1.2",
            handshakeTimeout: limits.requestMsMax,
            // Who has no certificate is asked for the token instead.
            requestCert: tls.ca !== undefined,
            rejectUnauthorized: false,
          },
          answer,
        );
  server.requestTimeout = limits.requestMsMax;
  server.headersTimeout = limits.requestMsMax;
  server.maxConnections = limits.connectionsMax;
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (answer(request, response)) response.writeContinue();
  });
  server.on("connect", (_request, socket) => socket.destroy());
  return server;
}

/** The answer to a stranger is the last on its connection, whatever else it sends. */
function endAfter(response: ServerResponse): void {
  const { socket } = response;
  response.shouldKeepAlive = false;
  response.once("finish", () => socket?.destroySoon());
}

/** Waits for the first bytes, then hands the socket on with them. */
function sniff(socket: Socket, limits: DoorLimits, take: (second: boolean) => void): void {
  const late = setTimeout(() => socket.destroy(), limits.requestMsMax);
  let seen = Buffer.alloc(0);
  const onError = (): void => {
    socket.destroy();
  };
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, preface.length);
    const second = seen.subarray(0, compared).equals(preface.subarray(0, compared));
    if (second && compared < preface.length) return;
    done();
    socket.unshift(seen);
    take(second);
  };
  const done = (): void => {
    clearTimeout(late);
    socket.off("readable", look);
    socket.off("error", onError);
    socket.off("close", done);
  };
  socket.on("readable", look);
  socket.on("error", onError);
  socket.on("close", done);
}

/**
 * Listens.
 * @param port - 0: any free one.
 * @throws SERVER_LISTEN_FAILED, ADMIN_TLS_INVALID.
 */
export async function openDoor(
  listener: DoorListener,
  address: { readonly host: string; readonly port: number; readonly tls?: DoorTls | undefined },
  limits: DoorLimits = doorLimits,
): Promise<Door> {
  let first: Server;
  try {
    first = firstVersion(listener, limits, address.tls);
  } catch (cause) {
    const { code, name } = cause as NodeJS.ErrnoException;
    throw new StrongroomError("ADMIN_TLS_INVALID", code ?? name, { cause });
  }
  const second = secondVersion(listener, limits);
  const sockets = new Set<Socket>();
  const event = address.tls === undefined ? "connection" : "secureConnection";
  // What takes HTTP/1.1 connections; with the server listening itself, its time limits are kept.
  const [takeFirst] = first.listeners(event) as ((socket: Socket) => void)[];
  first.removeAllListeners(event);
  first.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    sniff(socket, limits, (isSecond) => {
      if (isSecond) second.emit("connection", socket);
      else takeFirst?.call(first, socket);
    });
  });
  await listen(first, address.host, address.port);
  return {
    port: (first.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        first.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const detail = `admin port ${port}: ${error.code ?? error.name}`;
      reject(new StrongroomError("SERVER_LISTEN_FAILED", detail, { cause: error }));
    });
    server.listen({ host, port }, resolve);
  });
}
