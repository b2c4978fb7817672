// Goal: replies leave in their order, whatever part of them the kernel takes, and each chunk is
// given back once. Method: a kernel of the test's own, which takes as much as it is told to.
import { expect, test } from "vitest";
import type { NativeSocket, NativeSockets } from "../platform/sockets.ts";
import { BufferPool, Chunk } from "../resp/pool.ts";
import { NativeTransport } from "./nativesocket.ts";
import { Outbox } from "./outbox.ts";

class Kernel {
  /** Bytes that it takes of each row or call, from the front; then all. */
  readonly takes: number[] = [];
  taken = "";
  given: Chunk[] = [];
  readonly pool = new BufferPool();
  readonly transport: NativeTransport;
  readonly outbox: Outbox;
  private readonly socket: NativeSocket;

  constructor() {
    const give = this.pool.give.bind(this.pool);
    this.pool.give = (chunk) => {
      this.given.push(chunk);
      give(chunk);
    };
    const calls = {
      socketsSendMany: (rows: Int32Array, count: number, memory: Buffer) => {
        let full = false;
        for (let n = 0; n < count; n++) {
          const [, at = 0, length = 0] = rows.subarray(n * 4);
          const sent: number = full ? -11 : this.send(memory, at, length);
          full ||= sent < length;
          rows[n * 4 + 3] = sent;
        }
      },
    };
    this.socket = {
      place: 0,
      closed: false,
      watchWriting: () => {},
      watchReading: () => {},
      close: () => {},
      send: (buffer: Buffer, at: number, length: number) => this.send(buffer, at, length),
    } as unknown as NativeSocket;
    const sockets = { calls } as unknown as NativeSockets;
    this.outbox = new Outbox(sockets, this.pool);
    const traffic = { inputBytes: 0, outputBytes: 0, reads: 0, writes: 0 };
    const shared = { sockets, outbox: this.outbox, pool: this.pool, traffic };
    const names = { address: "", localAddress: "", unix: false };
    this.transport = new NativeTransport(shared as never, names as never);
    this.transport.socket = this.socket;
  }

  private send(memory: Buffer, at: number, length: number): number {
    const room = this.takes.shift() ?? length;
    if (room < 0) return room;
    const sent = Math.min(room, length);
    this.taken += memory.toString("latin1", at, at + sent);
    return sent;
  }

  /** A reply in the memory that all share, or in memory of its own. */
  chunk(text: string, own: boolean): Chunk {
    if (own) return new Chunk(Buffer.from(text), -1);
    const chunk = this.pool.take({ endRegion: () => {} }, text.length);
    chunk.buffer.write(text, "latin1");
    return chunk;
  }
}

test("outbox: a long reply does not overtake what found no room before it", () => {
  const kernel = new Kernel();
  const { outbox, transport } = kernel;
  kernel.takes.push(3);
  outbox.add(transport, kernel.chunk("first|", false), 0, 6);
  outbox.add(transport, kernel.chunk("second|", true), 0, 7);
  expect(kernel.taken).toBe("fir");
  expect(transport.unsentBytes).toBe(10);
  transport.writable();
  expect(kernel.taken).toBe("first|second|");
  expect(transport.unsentBytes).toBe(0);
});

test("outbox: a long reply leaves at once where nothing waits", () => {
  const kernel = new Kernel();
  const { outbox, transport } = kernel;
  outbox.add(transport, kernel.chunk("first|", false), 0, 6);
  outbox.add(transport, kernel.chunk("second|", true), 0, 7);
  expect(kernel.taken).toBe("first|second|");
  expect(kernel.given.length).toBe(2);
});

test("outbox: a socket that breaks while it is sent to gives each chunk back once", () => {
  const kernel = new Kernel();
  const { outbox, transport } = kernel;
  kernel.takes.push(0);
  for (const text of ["a", "b", "c"]) {
    outbox.add(transport, kernel.chunk(text, true), 0, 1);
  }
  expect(transport.unsentBytes).toBe(3);
  kernel.takes.push(1, -32);
  transport.writable();
  expect(kernel.given.length).toBe(3);
  expect(new Set(kernel.given).size).toBe(3);
});
