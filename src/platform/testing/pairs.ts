/**
 * Connected pairs for tests of the addon's sockets: a client of Node's, and its other end, which
 * the addon has accepted and which records what happens to it.
 * @module
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect } from "vitest";
import type { ListenEvents, NativeSocket, NativeSockets, SocketEvents } from "../sockets.ts";

/** Until `holds`; no longer than others that want the processors may hold it up. */
export async function until(holds: () => boolean, seconds = 10): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!holds() && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

/** Until the event loop sleeps for most of a moment; other processes may hold one up. */
export async function untilAsleep(): Promise<void> {
  let utilization = 1;
  for (let n = 0; n < 30 && utilization >= 0.5; n++) {
    const before = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, 100));
    utilization = performance.eventLoopUtilization(before).utilization;
  }
  expect(utilization).toBeLessThan(0.5);
}

/** Descriptor of a socket or listener of Node's. */
export const fdOf = (holder: object): number =>
  (holder as unknown as { _handle: { fd: number } })._handle.fd;

/** A listener of the addon; Node's own, from which it was taken, is closed. */
export async function listenOn(
  set: NativeSockets,
  host: string,
  events: ListenEvents,
): Promise<{ readonly listener: NativeSocket; readonly port: number }> {
  const server = createServer();
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const listener = set.listen(fdOf(server), events);
  server.close();
  await once(server, "close");
  if (listener === null) throw new Error("the listener was not taken");
  return { listener, port };
}

export class Recorder implements SocketEvents {
  readonly parts: Buffer[] = [];
  readonly happened: string[] = [];
  bytes = 0;
  whenWritable: () => void = () => {};
  whenReceived: (data: Buffer) => void = () => {};
  socket!: NativeSocket;

  /** What was announced and has not been received. */
  private readonly announcements: string[] = [];

  announced(buffer: Buffer, start: number, end: number): boolean {
    this.announcements.push(buffer.toString("latin1", start, end));
    return this.announcements.length % 2 === 0;
  }

  received(buffer: Buffer, start: number, end: number): void {
    expect(this.announcements.shift()).toBe(buffer.toString("latin1", start, end));
    const part = Buffer.from(buffer.subarray(start, end));
    this.parts.push(part);
    this.bytes += part.length;
    this.whenReceived(part);
  }

  ended(): void {
    this.happened.push("ended");
    this.socket.watchReading(false);
  }

  broken(): void {
    this.happened.push("broken");
    this.socket.close(false);
  }

  writable(): void {
    this.whenWritable();
  }
}

export interface Pair {
  readonly client: Socket;
  readonly near: Recorder;
}

export class Pairs {
  private readonly set: NativeSockets;
  private port = 0;
  private listener: NativeSocket | null = null;
  /** Slots of accepted connections that are in no pair. */
  private readonly accepted: number[] = [];
  private readonly pairs: Pair[] = [];

  constructor(set: NativeSockets) {
    this.set = set;
  }

  async listen(): Promise<void> {
    const accepted = (slot: number): void => void this.accepted.push(slot);
    const events = { keepAliveSeconds: () => 0, accepted };
    ({ listener: this.listener, port: this.port } = await listenOn(this.set, "127.0.0.1", events));
  }

  async open(): Promise<Pair> {
    const client = connect({ port: this.port, host: "127.0.0.1", noDelay: true });
    client.on("error", () => {});
    await once(client, "connect");
    const name = `127.0.0.1:${client.localPort}`;
    const isNear = (slot: number): boolean => this.set.names(slot)[0] === name;
    await until(() => this.accepted.some(isNear));
    const [slot] = this.accepted.splice(this.accepted.findIndex(isNear), 1);
    const near = new Recorder();
    near.socket = this.set.join(slot as number, near);
    near.socket.watchReading(true);
    const pair = { client, near };
    this.pairs.push(pair);
    return pair;
  }

  close(): void {
    this.listener?.close(false);
    for (const { client, near } of this.pairs.splice(0)) {
      near.socket.close(false);
      client.destroy();
    }
  }
}
