/**
 * The socket of one connection among many that are received from and sent to together. Replies go
 * to the outbox, which sends them at the end of the turn; what the kernel does not take waits here
 * until there is room. Hazard it guards: replies out of order, so nothing goes to the outbox while
 * something waits here.
 * @module
 */
import type { NativeSocket, NativeSockets, SocketEvents } from "../platform/sockets.ts";
import type { Connection } from "../redis/connection.ts";
import type { Transport } from "../redis/owner.ts";
import type { BufferPool, Chunk } from "../resp/pool.ts";
import type { Outbox, Sender } from "./outbox.ts";
import type { SocketNames, Traffic } from "./socket.ts";

/** More than this leaves at once: what the client does not read is to be known. */
const bytesDeferredMax = 64 * 1024;

/** Small replies that wait are gathered in blocks of at least so much. */
const blockBytes = 16 * 1024;
/** What one turn sends of what waits, so that others have theirs. */
const turnBytesMax = 1024 * 1024;

/** What waits for room: `buffer[at, end)`, in a chunk of its own or in a block of copies. */
interface Waiting {
  readonly buffer: Buffer;
  readonly chunk: Chunk | null;
  at: number;
  end: number;
}

/** What the transports of a server share. */
export interface Shared {
  readonly sockets: NativeSockets;
  readonly outbox: Outbox;
  readonly pool: BufferPool;
  readonly traffic: Traffic;
}

export class NativeTransport implements Transport, SocketEvents, Sender {
  readonly address: string;
  readonly localAddress: string;
  readonly unix: boolean;
  socket!: NativeSocket;
  unsentBytes = 0;
  private readonly shared: Shared;
  private connection: Connection | null = null;
  private waiting: Waiting[] = [];
  private ending = false;

  constructor(shared: Shared, names: SocketNames) {
    this.shared = shared;
    this.address = names.address;
    this.localAddress = names.localAddress;
    this.unix = names.unix;
  }

  /** From now on events of the socket reach the connection. */
  attach(connection: Connection, socket: NativeSocket): void {
    this.connection = connection;
    this.socket = socket;
    socket.watchReading(true);
  }

  get fd(): number {
    return this.socket.fd;
  }

  get takenMark(): number {
    return this.unsentBytes;
  }

  announced(buffer: Buffer, start: number, end: number): boolean {
    return this.connection?.announced(buffer, start, end) ?? true;
  }

  received(buffer: Buffer, start: number, end: number): void {
    const { traffic } = this.shared;
    traffic.inputBytes += end - start;
    traffic.reads++;
    this.connection?.receive(buffer, start, end);
  }

  ended(): void {
    this.socket.watchReading(false);
    this.connection?.closeAfterReplies();
  }

  broken(): void {
    this.close(false);
    this.connection?.gone();
  }

  flush(): void {
    const { connection } = this;
    if (connection === null || this.ending || this.socket.closed) return;
    const { writer } = connection;
    const bytes = writer.pending;
    writer.drain(this.write);
    if (bytes > bytesDeferredMax) this.shared.outbox.send();
  }

  private readonly write = (chunk: Chunk, from: number, to: number): void => {
    const { traffic, outbox } = this.shared;
    traffic.outputBytes += to - from;
    traffic.writes++;
    if (this.unsentBytes > 0) this.keep(chunk, from, to);
    else outbox.add(this, chunk, from, to);
  };

  unsent(chunk: Chunk, from: number, to: number, sent: number): void {
    if (sent < 0 || this.socket.closed) {
      this.shared.pool.give(chunk);
      // Not here: others' regions are being dealt with.
      if (!this.socket.closed) process.nextTick(() => this.broken());
      return;
    }
    this.keep(chunk, from + sent, to);
  }

  private keep(chunk: Chunk, at: number, end: number): void {
    if (this.unsentBytes === 0) this.socket.watchWriting(true);
    this.unsentBytes += end - at;
    if (chunk.base < 0) {
      this.waiting.push({ buffer: chunk.buffer, chunk, at, end });
      return;
    }
    this.copy(chunk.buffer, at, end);
    this.shared.pool.give(chunk);
  }

  /** Who reads slowly must not hold chunks that all share, and gets few large pieces later. */
  private copy(from: Buffer, at: number, end: number): void {
    const last = this.waiting.at(-1);
    if (last !== undefined && last.chunk === null && last.buffer.length - last.end >= end - at) {
      from.copy(last.buffer, last.end, at, end);
      last.end += end - at;
      return;
    }
    const buffer = Buffer.allocUnsafeSlow(Math.max(blockBytes, end - at));
    from.copy(buffer, 0, at, end);
    this.waiting.push({ buffer, chunk: null, at: 0, end: end - at });
  }

  writable(): void {
    const { waiting, socket } = this;
    let left = turnBytesMax;
    for (let part = waiting[0]; part !== undefined; part = waiting[0]) {
      const sent = socket.send(part.buffer, part.at, part.end - part.at);
      if (sent < 0) {
        this.broken();
        return;
      }
      this.unsentBytes -= sent;
      part.at += sent;
      left -= sent;
      if (part.at < part.end) break;
      waiting.shift();
      if (part.chunk !== null) this.shared.pool.give(part.chunk);
      if (left <= 0) break;
    }
    if (waiting.length > 0) return;
    socket.watchWriting(false);
    if (this.ending) this.finish();
    else this.connection?.drained();
  }

  pause(): void {
    this.socket.watchReading(false);
  }

  resume(): void {
    if (!this.ending) this.socket.watchReading(true);
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.socket.watchReading(false);
    this.shared.outbox.send();
    if (this.unsentBytes === 0) this.finish();
  }

  private finish(): void {
    this.close(true);
    this.connection?.gone();
  }

  destroy(): void {
    this.ending = true;
    this.close(false);
  }

  private close(orderly: boolean): void {
    if (this.socket.closed) return;
    this.shared.outbox.send();
    this.socket.close(orderly);
    for (const { chunk } of this.waiting) if (chunk !== null) this.shared.pool.give(chunk);
    this.waiting = [];
    this.unsentBytes = 0;
  }
}
