/**
 * Accepts connections. With the addon, plain connections join those that are received from and
 * sent to together, and it accepts them, many in a turn: Node accepts one, which holds a crowd of
 * clients up for as many turns as there are.
 *
 * Otherwise, and under TLS, Node accepts. Plain sockets read into one buffer that all share:
 * nothing is allocated for received bytes, because a connection takes them over before the next
 * read. For this the handle of the accepted socket moves into a socket made with `onread`, which
 * Node offers to clients only; where that is not possible the accepted socket is used as it is.
 * @module
 */
import { type Server, Socket } from "node:net";
import type { NativeSocket, NativeSockets } from "../platform/sockets.ts";
import type { RedisServer } from "../redis/server.ts";
import { NativeTransport, type Shared } from "./nativesocket.ts";
import { Outbox } from "./outbox.ts";
import { descriptorOf, namesOf, namesOnPath, type SocketNames, SocketTransport } from "./socket.ts";

/** One read takes at most so much. */
const readBytes = 64 * 1024;
const input = Buffer.allocUnsafeSlow(readBytes);

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
  const options = { handle, allowHalfOpen: true, onread: { buffer: input, callback } };
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

function refuse(socket: Socket, text: string): void {
  socket.on("error", () => {});
  socket.end(text, () => socket.destroy());
}

function namesAt(sockets: NativeSockets, slot: number, unixPath: string): SocketNames {
  if (unixPath !== "") return namesOnPath(unixPath);
  const [address, localAddress] = sockets.names(slot);
  return { address, localAddress, unix: false };
}

export class Acceptor {
  private readonly server: RedisServer;
  private readonly shared: Shared | null;

  /** @param sockets - Null: every connection is a socket of Node's own. */
  constructor(server: RedisServer, sockets: NativeSockets | null) {
    this.server = server;
    const { buffers: pool, figures: traffic } = server;
    this.shared =
      sockets === null ? null : { sockets, outbox: new Outbox(sockets, pool), pool, traffic };
  }

  /**
   * From now on the addon accepts the connections of this listener, whose own handle may close;
   * null: it cannot.
   */
  takeOver(listener: Server, options: AcceptOptions): NativeSocket | null {
    const { shared } = this;
    const fd = descriptorOf(listener);
    if (shared === null || fd < 0) return null;
    return shared.sockets.listen(fd, {
      keepAliveSeconds: options.keepAliveSeconds,
      accepted: (slot) => this.join(shared, slot, options.unixPath),
    });
  }

  private join(shared: Shared, slot: number, unixPath: string): void {
    const { sockets } = shared;
    const transport = new NativeTransport(shared, namesAt(sockets, slot, unixPath));
    const connection = this.server.connect(transport);
    if (typeof connection === "string") sockets.refuse(slot, connection);
    else transport.attach(connection, sockets.join(slot, transport));
  }

  /** A connection over `accepted`, or its refusal. */
  accept(accepted: Socket, options: AcceptOptions): void {
    const { server } = this;
    const plain = !("encrypted" in accepted);
    let transport: SocketTransport | null = null;
    const read = (bytes: number, buffer: Buffer): void => transport?.received(buffer, bytes);
    const names = namesOf(accepted, options.unixPath);
    const rewrapped = plain ? rewrap(accepted, read) : null;
    const socket = rewrapped ?? accepted;
    transport = new SocketTransport(socket, names, server.buffers, server.figures);
    const connection = server.connect(transport);
    if (typeof connection === "string") {
      refuse(socket, connection);
      return;
    }
    prepare(socket, options);
    transport.attach(connection, plain);
    if (rewrapped === null) socket.on("data", (chunk: Buffer) => read(chunk.length, chunk));
    else socket.resume();
  }
}
