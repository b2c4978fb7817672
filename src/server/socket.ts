/**
 * The socket of one connection: hands received bytes to it and writes its replies, one write for
 * everything that a tick produced. A region given to the socket goes back to the pool when that
 * write is done, never before.
 * @module
 */
import type { Server, Socket } from "node:net";
import { loadNative } from "../platform/native.ts";
import type { Connection } from "../redis/connection.ts";
import type { Transport } from "../redis/owner.ts";
import type { BufferPool, Chunk } from "../resp/pool.ts";

export interface SocketNames {
  readonly address: string;
  readonly localAddress: string;
  readonly unix: boolean;
}

/** "127.0.0.1:6379", "[::1]:6379". */
function endpoint(host: string | undefined, port: number | undefined): string {
  return host?.includes(":") ? `[${host}]:${port}` : `${host ?? "?"}:${port ?? 0}`;
}

/** As Redis tells of connections to a unix socket. */
export function namesOnPath(path: string): SocketNames {
  return { address: `${path}:0`, localAddress: `${path}:0`, unix: true };
}

/** @param unixPath - "" for TCP. */
export function namesOf(socket: Socket, unixPath: string): SocketNames {
  if (unixPath !== "") return namesOnPath(unixPath);
  return {
    address: endpoint(socket.remoteAddress, socket.remotePort),
    localAddress: endpoint(socket.localAddress, socket.localPort),
    unix: false,
  };
}

/** Descriptor of Node's socket or listener, which is not a public interface; -1: not known. */
export function descriptorOf(socket: Socket | Server): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}

/** Node's handle of a socket, which is not public; below one of TLS stands that of TCP. */
interface Queue {
  readonly writeQueueSize?: number;
  readonly _parent?: Queue;
}

const native = loadNative();

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
  /** Chunks of which the socket holds regions, oldest first. */
  private readonly lent: Chunk[] = [];
  private lentAt = 0;
  private ending = false;
  /** Descriptor that replies are sent to at once; -1: only the socket may write. */
  private direct = -1;

  constructor(socket: Socket, names: SocketNames, pool: BufferPool, traffic: Traffic) {
    this.socket = socket;
    this.address = names.address;
    this.localAddress = names.localAddress;
    this.unix = names.unix;
    this.pool = pool;
    this.traffic = traffic;
  }

  /**
   * From now on events of the socket reach the connection.
   * @param plain - No TLS: the descriptor carries what clients see.
   */
  attach(connection: Connection, plain: boolean): void {
    this.connection = connection;
    const { socket } = this;
    if (plain && native !== null) this.direct = this.fd;
    // Whatever breaks the socket, "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.direct = -1;
      connection.gone();
    });
    socket.on("end", () => connection.closeAfterReplies());
  }

  get fd(): number {
    return descriptorOf(this.socket);
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  /** The socket tells of a long write when it is done, its queue of what is left of it. */
  get takenMark(): number {
    const { _handle: handle } = this.socket as { _handle?: Queue | null };
    const below = handle?._parent?.writeQueueSize ?? 0;
    return this.unsentBytes + (handle?.writeQueueSize ?? 0) + below;
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

  private readonly write = (chunk: Chunk, from: number, to: number): void => {
    this.traffic.outputBytes += to - from;
    this.traffic.writes++;
    const sent = this.sendNow(chunk.buffer, from, to - from);
    if (sent === to - from) {
      this.pool.give(chunk);
      return;
    }
    this.lent.push(chunk);
    this.socket.write(chunk.buffer.subarray(from + sent, to), this.written);
  };

  /** What the kernel takes at once, past the queue of the socket, while that is empty. */
  private sendNow(buffer: Buffer, at: number, length: number): number {
    if (this.direct < 0 || this.socket.writableLength > 0) return 0;
    const sent = native?.send(this.direct, buffer, at, length) ?? 0;
    // An error shows again, and is dealt with, in the socket's own write.
    return Math.max(sent, 0);
  }

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
    this.direct = -1;
    this.socket.end(() => this.socket.destroy());
  }

  destroy(): void {
    this.direct = -1;
    this.socket.destroy();
  }
}
