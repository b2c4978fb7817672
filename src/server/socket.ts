/**
 * The socket of one connection: hands received bytes to it and writes its replies, one write for
 * everything that a tick produced. A buffer given to the socket goes back to the pool when that
 * write is done, never before.
 * @module
 */
import type { Socket } from "node:net";
import type { Connection } from "../redis/connection.ts";
import type { Transport } from "../redis/owner.ts";
import type { BufferPool } from "../resp/pool.ts";

export interface SocketNames {
  readonly address: string;
  readonly localAddress: string;
  readonly unix: boolean;
}

/** "127.0.0.1:6379", "[::1]:6379". */
function endpoint(host: string | undefined, port: number | undefined): string {
  return host?.includes(":") ? `[${host}]:${port}` : `${host ?? "?"}:${port ?? 0}`;
}

/** @param unixPath - "" for TCP. */
export function namesOf(socket: Socket, unixPath: string): SocketNames {
  if (unixPath !== "")
    return { address: `${unixPath}:0`, localAddress: `${unixPath}:0`, unix: true };
  return {
    address: endpoint(socket.remoteAddress, socket.remotePort),
    localAddress: endpoint(socket.localAddress, socket.localPort),
    unix: false,
  };
}

/** Bytes written and read, over all connections. */
export interface Traffic {
  inputBytes: number;
  outputBytes: number;
  reads: number;
  writes: number;
}

export class SocketTransport implements Transport {
  readonly address: string;
  readonly localAddress: string;
  readonly unix: boolean;
  private readonly socket: Socket;
  private readonly pool: BufferPool;
  private readonly traffic: Traffic;
  private connection: Connection | null = null;
  /** Buffers that the socket holds, oldest first. */
  private readonly lent: Buffer[] = [];
  private lentAt = 0;
  private ending = false;

  constructor(socket: Socket, names: SocketNames, pool: BufferPool, traffic: Traffic) {
    this.socket = socket;
    this.address = names.address;
    this.localAddress = names.localAddress;
    this.unix = names.unix;
    this.pool = pool;
    this.traffic = traffic;
  }

  /** From now on events of the socket reach the connection. */
  attach(connection: Connection): void {
    this.connection = connection;
    const { socket } = this;
    // Whatever breaks the socket, "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => connection.gone());
    socket.on("end", () => connection.closeAfterReplies());
  }

  get fd(): number {
    const handle = (this.socket as { _handle?: { fd?: number } })._handle;
    return handle?.fd ?? -1;
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  received(chunk: Buffer, bytes: number): void {
    this.traffic.inputBytes += bytes;
    this.traffic.reads++;
    this.connection?.receive(chunk, 0, bytes);
  }

  flush(): void {
    const { connection, socket } = this;
    if (connection === null || this.ending || socket.destroyed) return;
    const { writer } = connection;
    const single = writer.pending <= writer.currentBytes;
    if (!single) socket.cork();
    writer.drain(this.write);
    if (!single) socket.uncork();
  }

  private readonly write = (buffer: Buffer, length: number): void => {
    this.traffic.outputBytes += length;
    this.traffic.writes++;
    this.lent.push(buffer);
    const view = length === buffer.length ? buffer : buffer.subarray(0, length);
    this.socket.write(view, this.written);
  };

  private readonly written = (): void => {
    this.pool.give(this.lent[this.lentAt++]);
    if (this.lentAt === this.lent.length) {
      this.lent.length = 0;
      this.lentAt = 0;
    }
    if (this.socket.writableLength === 0) this.connection?.drained();
  };

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (!this.ending) this.socket.resume();
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.socket.end(() => this.socket.destroy());
  }

  destroy(): void {
    this.socket.destroy();
  }
}
