/**
 * Accepts connections. Plain sockets read into one buffer that all share: nothing is allocated for
 * received bytes, because a connection takes them over before the next read. For this the handle
 * of the accepted socket moves into a socket made with `onread`, which Node offers to clients only;
 * where that is not possible the accepted socket is used as it is.
 * @module
 */
import { Socket } from "node:net";
import type { RedisServer } from "../redis/server.ts";
import { namesOf, SocketTransport } from "./socket.ts";

/** One read takes at most so much. */
const readBytes = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(readBytes);

interface Handled {
  _handle: object | null;
  _server: unknown;
  server: unknown;
}

/** The same connection in a socket that reads into the shared buffer. */
function rewrap(accepted: Socket, read: (bytes: number, buffer: Buffer) => void): Socket | null {
  const from = accepted as unknown as Handled;
  if (from._handle === null || typeof from._handle !== "object") return null;
  const handle = from._handle;
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    read(bytes, buffer as Buffer);
    return true;
  };
  const options = { handle, allowHalfOpen: true, onread: { buffer: shared, callback } };
  // `handle` is not in the types of the public constructor.
  const socket = new Socket({ ...options, manualStart: true } as ConstructorParameters<
    typeof Socket
  >[0]);
  const to = socket as unknown as Handled;
  // The listener counts its connections through these.
  to._server = from._server;
  to.server = from.server;
  from._handle = null;
  from._server = null;
  return socket;
}

export interface AcceptOptions {
  /** "" for TCP. */
  readonly unixPath: string;
  readonly keepAliveSeconds: () => number;
}

function prepare(socket: Socket, options: AcceptOptions): void {
  if (options.unixPath !== "") return;
  socket.setNoDelay(true);
  const seconds = options.keepAliveSeconds();
  if (seconds > 0) socket.setKeepAlive(true, seconds * 1000);
}

/** A connection over `socket`, or its refusal. */
export function accept(server: RedisServer, accepted: Socket, options: AcceptOptions): void {
  let transport: SocketTransport | null = null;
  const read = (bytes: number, buffer: Buffer): void => transport?.received(buffer, bytes);
  const names = namesOf(accepted, options.unixPath);
  const plain = !("encrypted" in accepted);
  const rewrapped = plain ? rewrap(accepted, read) : null;
  const socket = rewrapped ?? accepted;
  transport = new SocketTransport(socket, names, server.buffers, server.figures);
  const connection = server.connect(transport);
  if (typeof connection === "string") {
    socket.on("error", () => {});
    socket.end(connection, () => socket.destroy());
    return;
  }
  prepare(socket, options);
  transport.attach(connection, plain);
  if (rewrapped === null) socket.on("data", (chunk: Buffer) => read(chunk.length, chunk));
  else socket.resume();
}
