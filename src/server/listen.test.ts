// Goal: over real sockets every reply arrives, in order, whatever the packets; memory stays bounded
// and others are served, whatever one client does.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commands } from "../commands/table.ts";
import { type Listening, type ListenOptions, serveRedis } from "./listen.ts";
import { QuickEngine } from "./testing/quick.ts";

const folder = mkdtempSync(join(tmpdir(), "listen-"));
const bugs: unknown[] = [];
const cert = new URL("testdata/cert.pem", import.meta.url).pathname;
const key = new URL("testdata/key.pem", import.meta.url).pathname;
let listening: Listening;
let sockets: Socket[] = [];

async function serve(options: Partial<ListenOptions> = {}): Promise<void> {
  const report = (error: unknown) => bugs.push(error);
  const engine = new QuickEngine();
  listening = await serveRedis({ port: 0, engine, commands, report, ...options });
}

beforeEach(() => serve());

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await listening.close();
  expect(bugs).toEqual([]);
});

async function open(): Promise<Socket> {
  const socket = connect(listening.port, "127.0.0.1");
  socket.on("error", () => {});
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

/** Bytes until `count` have come, or the end. */
async function read(socket: Socket, count: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes >= count) break;
  }
  return Buffer.concat(parts);
}

async function exchange(socket: Socket, request: string, reply: string): Promise<void> {
  socket.write(request);
  expect((await read(socket, reply.length)).toString("latin1")).toBe(reply);
}

function encode(...args: (string | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.from(arg as string);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

test("listen: 10,000 pipelined commands are answered in order", async () => {
  const socket = await open();
  const pairs = Array.from({ length: 5000 }, (_, n) => n);
  const request = pairs.flatMap((n) => [encode("SET", `k${n}`, `${n}`), encode("GET", `k${n}`)]);
  const reply = pairs.map((n) => `+OK\r\n$${`${n}`.length}\r\n${n}\r\n`).join("");
  socket.write(Buffer.concat(request));
  expect((await read(socket, reply.length)).toString() === reply).toBe(true);
});

test("listen: a command in single bytes, and values larger than any buffer", async () => {
  const socket = await open();
  for (const byte of encode("SET", "b", "wise")) socket.write(Buffer.from([byte]));
  expect((await read(socket, 5)).toString()).toBe("+OK\r\n");
  const value = Buffer.alloc(5 << 20, "0123456789abcdef");
  socket.write(Buffer.concat([encode("SET", "large", value), encode("GET", "large")]));
  const header = `+OK\r\n$${value.length}\r\n`;
  const reply = await read(socket, header.length + value.length + 2);
  expect(reply.subarray(0, header.length).toString()).toBe(header);
  expect(reply.subarray(header.length, -2).equals(value)).toBe(true);
});

test("listen: a client that closes its half still gets its replies", async () => {
  const socket = await open();
  socket.end(Buffer.concat([encode("SET", "a", "1"), encode("GET", "a")]));
  expect((await read(socket, 1000)).toString()).toBe("+OK\r\n$1\r\n1\r\n");
});

test("listen: hostile bytes are an error or a close, and others are served", async () => {
  const other = await open();
  const inputs = [
    "*2\r\n$3\r\nGET\r\n$536870913\r\n",
    "*99999999999999999999\r\n",
    "*1\r\n$-1\r\n",
    "*1\r\n".repeat(10_000),
    "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "POST / HTTP/1.1\r\n\r\n",
    'SET a "open\r\n',
    "x".repeat(200_000),
  ];
  for (const input of inputs) {
    const socket = await open();
    socket.write(input);
    const reply = await read(socket, 1).catch(() => Buffer.alloc(0));
    expect(reply.length === 0 || reply[0] === 45, input.slice(0, 20)).toBe(true);
  }
  await exchange(other, "PING\r\n", "+PONG\r\n");
});

test("listen: what never reads is served no further, and others are served", async () => {
  const greedy = await open();
  greedy.write(encode("SET", "big", Buffer.alloc(65_536, 1)));
  await read(greedy, 5);
  const before = process.memoryUsage().rss;
  greedy.pause();
  for (let i = 0; i < 40; i++) greedy.write(Buffer.concat(Array(200).fill(encode("GET", "big"))));
  const other = await open();
  for (let i = 0; i < 20; i++) {
    await exchange(other, "PING\r\n", "+PONG\r\n");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
  const header = `$65536\r\n`.length;
  let left = 8000 * (header + 65_536 + 2);
  greedy.resume();
  for await (const part of greedy) {
    left -= (part as Buffer).length;
    if (left <= 0) break;
  }
  expect(left).toBe(0);
});

test("listen: 300 connections are all served, one too many is refused", async () => {
  await listening.close();
  await serve({ settings: { maxclients: 300 } });
  const many = await Promise.all(Array.from({ length: 300 }, open));
  await Promise.all(many.map((socket) => exchange(socket, "PING\r\n", "+PONG\r\n")));
  const late = await open();
  expect((await read(late, 1000)).toString()).toBe("-ERR max number of clients reached\r\n");
  many[0]?.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await exchange(await open(), "PING\r\n", "+PONG\r\n");
});

test("listen: a unix socket, private to its owner, over the file of a dead process", async () => {
  const path = join(folder, "s");
  for (let life = 0; life < 2; life++) {
    await listening.close();
    await serve({ unixSocket: path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const socket = connect(path);
    sockets.push(socket);
    await exchange(socket, "PING\r\n", "+PONG\r\n");
  }
  rmSync(folder, { recursive: true });
});

test("listen: TLS, and TLS that asks clients for a certificate", async () => {
  for (const tlsCa of [undefined, cert]) {
    await listening.close();
    const authority = tlsCa === undefined ? {} : { tlsCa };
    await serve({ port: undefined as never, tlsPort: 0, tlsCert: cert, tlsKey: key, ...authority });
    const ca = readFileSync(cert);
    const own = tlsCa === undefined ? {} : { cert: ca, key: readFileSync(key) };
    const socket = connectTls({ port: listening.port, host: "127.0.0.1", ca, ...own });
    sockets.push(socket);
    await once(socket, "secureConnect");
    await exchange(socket, "SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n");
    const bare = connectTls({ port: listening.port, host: "127.0.0.1", ca });
    bare.on("error", () => {});
    sockets.push(bare);
    bare.write("PING\r\n");
    const reply = await read(bare, 7).catch(() => Buffer.alloc(0));
    expect(reply.toString()).toBe(tlsCa === undefined ? "+PONG\r\n" : "");
  }
});

test("listen: a taken port and a wrong certificate are typed errors", async () => {
  const engine = new QuickEngine();
  const base = { engine, commands, report: () => {} };
  await expect(serveRedis({ ...base, port: listening.port })).rejects.toMatchObject({
    code: "SERVER_LISTEN_FAILED",
  });
  const wrong = { tlsPort: 0, tlsCert: "/nonexistent", tlsKey: key };
  await expect(serveRedis({ ...base, ...wrong })).rejects.toMatchObject({
    code: "SERVER_TLS_INVALID",
  });
});
