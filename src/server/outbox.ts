/**
 * Replies of many connections on their way to the kernel: collected while a turn is handled, sent
 * by one call at its end. Hazard it guards: a reply overtaking another of the same connection. What
 * a socket does not take is its transport's to keep, and the regions behind it too.
 * @module
 */
import type { NativeSocket, NativeSockets } from "../platform/sockets.ts";
import { whenTurnEnds } from "../platform/turns.ts";
import type { BufferPool, Chunk } from "../resp/pool.ts";

/** Who has something to send. */
export interface Sender {
  readonly socket: NativeSocket;
  /** Bytes that were not taken and wait: nothing may be sent before them. */
  readonly unsentBytes: number;
  /** Part of a region was not taken: `sent` bytes were, or the socket broke (below 0). */
  unsent(chunk: Chunk, from: number, to: number, sent: number): void;
}

const rowsMax = 512;
/** Integers of a row. */
const row = 4;
/** Sent early when so much waits: the replies should leave while the cache holds them. */
const bytesMax = 128 * 1024;
const EAGAIN = -11;

export class Outbox {
  private readonly sockets: NativeSockets;
  private readonly pool: BufferPool;
  private readonly rows = new Int32Array(rowsMax * row);
  private readonly senders: Sender[] = [];
  private readonly chunks: Chunk[] = [];
  private count = 0;
  private bytes = 0;
  private scheduled = false;

  constructor(sockets: NativeSockets, pool: BufferPool) {
    this.sockets = sockets;
    this.pool = pool;
  }

  /** The region leaves at the end of this turn, at the latest. */
  add(sender: Sender, chunk: Chunk, from: number, to: number): void {
    if (chunk.base < 0) {
      this.send();
      // What stood before it may have found no room, and there may be some by now.
      if (sender.unsentBytes > 0) sender.unsent(chunk, from, to, 0);
      else this.sendAlone(sender, chunk, from, to);
      return;
    }
    const at = this.count * row;
    const { rows } = this;
    rows[at] = sender.socket.place;
    rows[at + 1] = chunk.base + from;
    rows[at + 2] = to - from;
    this.senders[this.count] = sender;
    this.chunks[this.count] = chunk;
    this.count++;
    this.bytes += to - from;
    if (this.count === rowsMax || this.bytes >= bytesMax) this.send();
    else if (!this.scheduled) {
      this.scheduled = true;
      whenTurnEnds(this.handled);
    }
  }

  private readonly handled = (): void => {
    this.scheduled = false;
    this.send();
  };

  /** A region outside the pool's memory: long, and worth a call of its own. */
  private sendAlone(sender: Sender, chunk: Chunk, from: number, to: number): void {
    const sent = sender.socket.send(chunk.buffer, from, to - from);
    if (sent === to - from) this.pool.give(chunk);
    else sender.unsent(chunk, from, to, sent);
  }

  /** Sends what was collected. */
  send(): void {
    const { count, rows, senders, chunks, pool } = this;
    if (count === 0) return;
    this.count = this.bytes = 0;
    this.sockets.calls.socketsSendMany(rows, count, pool.memory);
    for (let n = 0; n < count; n++) {
      const at = n * row;
      const chunk = chunks[n] as Chunk;
      const sent = rows[at + 3] as number;
      if (sent === rows[at + 2]) {
        pool.give(chunk);
        continue;
      }
      const from = (rows[at + 1] as number) - chunk.base;
      const to = from + (rows[at + 2] as number);
      (senders[n] as Sender).unsent(chunk, from, to, sent === EAGAIN ? 0 : sent);
    }
  }
}
