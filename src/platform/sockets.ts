/**
 * Many connected sockets, received from and sent to in few calls: a turn of the event loop costs
 * one call into the addon for everything that arrived and one for everything that leaves, beside
 * the system calls themselves. There is nothing of the kind without the addon. Hazards it guards:
 * what arrived for a socket that is closed meanwhile reaches nobody, and one turn is bounded, so
 * that timers and files have theirs.
 * @module
 */
import { assert } from "../base/assert.ts";
import { loadNative, type NativeSocketCalls } from "./native.ts";
import { beginTurn, endTurn, whenTurnEnds } from "./turns.ts";

/** What happens to a socket. */
export interface SocketEvents {
  /**
   * `received` will soon be called with these arguments, unless the socket is closed before.
   * @returns false if no other should be announced before that.
   */
  announced(buffer: Buffer, start: number, end: number): boolean;
  /** `buffer[start, end)` has arrived; valid during the call. */
  received(buffer: Buffer, start: number, end: number): void;
  /** The peer sends no more. */
  ended(): void;
  /** The connection is broken. */
  broken(): void;
  /** There is room to send again. */
  writable(): void;
}

/** One turn receives at most so much, and from one socket at most so much. */
const inputBytes = 512 * 1024;
const socketBytesMax = 64 * 1024;
const rowsMax = 256;
/** Integers of a row. */
const row = 4;
const EAGAIN = -11;
const ENOMEM = -12;
const ENOSPC = -28;
const ECONNABORTED = -103;
/** One turn accepts at most so many connections of one listener. */
const acceptsMax = 64;
/** The system has no descriptor left, or no memory: connections wait in the backlog meanwhile. */
const pauseMs = 100;

const watchRead = 1;
const watchWrite = 2;

export class NativeSocket {
  private readonly set: NativeSockets;
  private readonly slot: number;
  /** Descriptor, to be shown. */
  readonly fd: number;
  readonly events: SocketEvents;
  /** What is to be watched, and what the kernel was told. */
  private wanted = 0;
  private told = 0;
  private listed = false;
  closed = false;

  constructor(set: NativeSockets, slot: number, fd: number, events: SocketEvents) {
    this.set = set;
    this.slot = slot;
    this.fd = fd;
    this.events = events;
  }

  /** The name of this socket in calls and in rows of `sendMany`. */
  get place(): number {
    return this.slot;
  }

  watchReading(on: boolean): void {
    this.watch(on ? this.wanted | watchRead : this.wanted & ~watchRead);
  }

  watchWriting(on: boolean): void {
    this.watch(on ? this.wanted | watchWrite : this.wanted & ~watchWrite);
  }

  /** What is to be watched no more is told only before the next receive: it may be taken back. */
  private watch(wanted: number): void {
    if (this.closed) return;
    this.wanted = wanted;
    if ((wanted & ~this.told) !== 0) this.tell();
    else if (wanted !== this.told && !this.listed) {
      this.listed = true;
      this.set.tellLater(this);
    }
  }

  /** Tells the kernel. */
  tell(): void {
    this.listed = false;
    if (this.closed || this.wanted === this.told) return;
    const failed = this.set.calls.socketsWatch(this.slot, this.wanted);
    if (failed !== 0) {
      // Out of memory, or of the user's share of watches: a scan had taken it out of the set.
      assert(failed === ENOMEM || failed === ENOSPC, "epoll_ctl of an open socket");
      whenTurnEnds(() => {
        if (!this.closed) this.events.broken();
      });
      return;
    }
    this.told = this.wanted;
  }

  /** Bytes taken of `data[at, +length)`; below 0: the connection is broken. */
  send(data: Uint8Array, at: number, length: number): number {
    if (this.closed) return -1;
    const taken = this.set.calls.socketsSend(this.slot, data, at, length);
    return taken === EAGAIN ? 0 : taken;
  }

  /** @param orderly - The peer sees the end of the stream behind what was sent. */
  close(orderly: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.set.closed(this.slot);
    this.set.calls.socketsClose(this.slot, orderly ? 1 : 0);
  }
}

/** What happens at a socket that listens. */
export interface ListenEvents {
  /** In seconds, for the next connection; 0: none. */
  keepAliveSeconds(): number;
  /** A connection: `join` with its slot keeps it, or `refuse`. */
  accepted(slot: number): void;
}

/** A listening socket: accepts many connections in a turn. */
class Listener implements SocketEvents {
  socket!: NativeSocket;
  private readonly set: NativeSockets;
  private readonly events: ListenEvents;

  constructor(set: NativeSockets, events: ListenEvents) {
    this.set = set;
    this.events = events;
  }

  announced(): boolean {
    return true;
  }

  /**
   * Connections wait. They are accepted when the turn ends: what it received for a socket that is
   * closed in it may stand behind this, and must not meet another in the same slot.
   */
  received(): void {
    whenTurnEnds(this.acceptMany);
  }

  private readonly acceptMany = (): void => {
    for (let n = 0; n < acceptsMax && !this.socket.closed; n++) {
      const { calls } = this.set;
      const slot = calls.socketsAccept(this.socket.place, this.events.keepAliveSeconds());
      if (slot === EAGAIN) return;
      if (slot >= 0) this.events.accepted(slot);
      else if (slot !== ECONNABORTED) {
        this.pause();
        return;
      }
    }
  };

  private pause(): void {
    this.socket.watchReading(false);
    setTimeout(() => this.socket.watchReading(true), pauseMs).unref();
  }

  ended(): void {}

  broken(): void {}

  writable(): void {}
}

export class NativeSockets {
  readonly calls: NativeSocketCalls;
  private readonly sockets: (NativeSocket | null)[] = [];
  private readonly input = Buffer.allocUnsafeSlow(inputBytes);
  private readonly rows = new Int32Array(rowsMax * row);
  private readonly untold: NativeSocket[] = [];

  constructor(calls: NativeSocketCalls) {
    this.calls = calls;
    calls.socketsOpen(() => this.turn());
  }

  /**
   * Accepts the connections of a listening stream socket by a duplicate of its descriptor; the
   * caller closes the original. @returns null where that is not possible.
   */
  listen(fd: number, events: ListenEvents): NativeSocket | null {
    const slot = this.calls.socketsListen(fd);
    if (slot < 0) return null;
    const listener = new Listener(this, events);
    listener.socket = this.join(slot, listener);
    listener.socket.watchReading(true);
    return listener.socket;
  }

  /** An accepted connection. Nothing is read before `watchReading`. */
  join(slot: number, events: SocketEvents): NativeSocket {
    const socket = new NativeSocket(this, slot, this.calls.socketsDescriptor(slot), events);
    while (this.sockets.length <= slot) this.sockets.push(null);
    this.sockets[slot] = socket;
    return socket;
  }

  /** Ends an accepted connection with a last word, as far as the kernel takes it at once. */
  refuse(slot: number, text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.calls.socketsSend(slot, bytes, 0, bytes.length);
    this.calls.socketsClose(slot, 1);
  }

  /** "ADDRESS:PORT" of both ends of a TCP connection, the peer first; "?:0": there is none now. */
  names(slot: number): readonly [string, string] {
    const [peer, near] = this.calls.socketsNames(slot).split(" ");
    return [peer || "?:0", near || "?:0"];
  }

  at(place: number): NativeSocket | null {
    return this.sockets[place] ?? null;
  }

  closed(slot: number): void {
    this.sockets[slot] = null;
  }

  tellLater(socket: NativeSocket): void {
    this.untold.push(socket);
  }

  private turn(): void {
    const { untold, input, rows } = this;
    if (untold.length > 0) for (const socket of untold.splice(0)) socket.tell();
    const count = this.calls.socketsReceive(input, rows, socketBytesMax);
    beginTurn();
    try {
      const end = count * row;
      let announced = 0;
      for (let at = 0; at < end; at += row) {
        if (at >= announced) announced = this.announce(at, end);
        this.handle(at);
      }
    } finally {
      endTurn();
    }
  }

  /** Announces rows from `from` on. @returns the row behind them. */
  private announce(from: number, end: number): number {
    const { rows, input } = this;
    let at = from;
    for (let more = true; more && at < end; at += row) {
      const result = rows[at + 3] as number;
      const socket = this.sockets[rows[at] as number];
      if (result <= 0 || socket === null || socket === undefined) continue;
      const start = rows[at + 2] as number;
      more = socket.events.announced(input, start, start + result);
    }
    return at;
  }

  private handle(at: number): void {
    const { rows } = this;
    const socket = this.sockets[rows[at] as number];
    // Closed by what was handled before it.
    if (socket === null || socket === undefined) return;
    const result = rows[at + 3] as number;
    if (result > 0) {
      const start = rows[at + 2] as number;
      socket.events.received(this.input, start, start + result);
    } else if (result === 0) socket.events.ended();
    else if (result !== EAGAIN) {
      socket.events.broken();
      return;
    }
    if (rows[at + 1] !== 0 && !socket.closed) socket.events.writable();
  }
}

let opened: NativeSockets | null | undefined;

/** The sockets of this thread, or null without the addon. */
export function nativeSockets(): NativeSockets | null {
  if (opened === undefined) {
    const native = loadNative();
    opened = native === null ? null : new NativeSockets(native);
  }
  return opened;
}
