/**
 * A Redis port on an engine in memory, and clients of it, for tests over real sockets.
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect } from "vitest";
import { commands } from "../../commands/table.ts";
import { type Listening, type ListenOptions, serveRedis } from "../listen.ts";
import { QuickEngine } from "./quick.ts";

export type Options = Partial<ListenOptions>;

export class Rig {
  listening!: Listening;
  readonly sockets: Socket[] = [];
  private readonly way: Options;
  private readonly bugs: unknown[] = [];

  /** @param way - Options of every server. */
  constructor(way: Options = {}) {
    this.way = way;
  }

  async serve(options: Options = {}): Promise<void> {
    const report = (error: unknown) => this.bugs.push(error);
    const base = { port: 0, engine: new QuickEngine(), commands, report };
    this.listening = await serveRedis({ ...base, ...this.way, ...options });
  }

  async end(): Promise<void> {
    for (const socket of this.sockets.splice(0)) socket.destroy();
    await this.listening.close();
    expect(this.bugs).toEqual([]);
  }

  get clients(): number {
    return this.listening.redis.peers.size;
  }

  /** A client, of the unix socket if this way of serving has one. */
  async open(): Promise<Socket> {
    const path = this.way.unixSocket;
    const { port } = this.listening;
    const to = path === undefined ? { port, host: "127.0.0.1", noDelay: true } : { path };
    const socket = connect(to);
    socket.on("error", () => {});
    this.sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }
}

/** Bytes until `count` have come, or the end. */
export async function read(socket: Socket, count: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes >= count) break;
  }
  return Buffer.concat(parts);
}

export async function exchange(
  socket: Socket,
  request: string | Buffer,
  reply: string,
): Promise<void> {
  socket.write(request);
  expect((await read(socket, reply.length)).toString("latin1")).toBe(reply);
}

export function encode(...args: (string | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.from(arg as string);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}
