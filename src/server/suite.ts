/**
 * What every way of serving TCP must do, over real sockets: each reply arrives, in order, whatever
 * the packets; memory stays bounded and others are served, whatever one client does; nothing is
 * left behind by those that are gone.
 * @module
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encode, exchange, type Options, Rig, read } from "./testing/rig.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until `holds`, a few seconds at most. */
async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !holds(); n++) await sleep(10);
  expect(holds()).toBe(true);
}

/** The peer learns that the connection is broken; a unix socket has no such word. */
function reset(socket: Socket): void {
  if (socket.remoteFamily === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Numbers that look like chance and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return ((state >>> 8) * below) >>> 24;
  };
}

/** @param way - Options of this way of serving. */
export function suite(name: string, way: Options): void {
  const rig = new Rig(way);
  beforeEach(() => rig.serve());
  afterEach(() => rig.end());
  order(name, rig);
  bounds(name, rig);
  ends(name, rig);
}

function order(name: string, rig: Rig): void {
  test(`${name}: 10,000 pipelined commands are answered in order`, async () => {
    const socket = await rig.open();
    const pairs = Array.from({ length: 5000 }, (_, n) => n);
    const request = pairs.flatMap((n) => [encode("SET", `k${n}`, `${n}`), encode("GET", `k${n}`)]);
    const reply = pairs.map((n) => `+OK\r\n$${`${n}`.length}\r\n${n}\r\n`).join("");
    socket.write(Buffer.concat(request));
    expect((await read(socket, reply.length)).toString() === reply).toBe(true);
  });

  test(`${name}: a command in single bytes, and values larger than any buffer`, async () => {
    const socket = await rig.open();
    for (const byte of encode("SET", "b", "wise")) socket.write(Buffer.from([byte]));
    expect((await read(socket, 5)).toString()).toBe("+OK\r\n");
    const value = Buffer.alloc(5 << 20, "0123456789abcdef");
    socket.write(Buffer.concat([encode("SET", "large", value), encode("GET", "large")]));
    const header = `+OK\r\n$${value.length}\r\n`;
    const reply = await read(socket, header.length + value.length + 2);
    expect(reply.subarray(0, header.length).toString()).toBe(header);
    expect(reply.subarray(header.length, -2).equals(value)).toBe(true);
  });

  test(`${name}: many clients, bytes cut anywhere, everyone gets its replies`, async () => {
    const client = async (seed: number): Promise<void> => {
      const below = numbers(seed);
      const socket = await rig.open();
      const requests: Buffer[] = [];
      let reply = "";
      for (let n = 0; n < 150; n++) {
        const value = `${seed}-${n}-`.repeat(1 + below(400));
        requests.push(encode("SET", `k${seed}`, value), encode("GET", `k${seed}`));
        reply += `+OK\r\n$${value.length}\r\n${value}\r\n`;
        if (below(4) === 0) requests.push(encode("ECHO", `${seed}`));
        if (requests.at(-1)?.includes("ECHO")) reply += `$${`${seed}`.length}\r\n${seed}\r\n`;
      }
      const bytes = Buffer.concat(requests);
      const found = read(socket, reply.length);
      for (let at = 0; at < bytes.length; ) {
        const size = below(3) === 0 ? 1 + below(20) : 1 + below(30_000);
        socket.write(bytes.subarray(at, at + size));
        at += size;
        if (below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await found).toString("latin1") === reply).toBe(true);
    };
    await Promise.all(Array.from({ length: 20 }, (_, n) => client(n + 1)));
  });

  test(`${name}: messages and the lines of MONITOR reach the right connections`, async () => {
    const [listener, monitor, worker] = [await rig.open(), await rig.open(), await rig.open()];
    const subscribed = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    await exchange(listener, "SUBSCRIBE c\r\n", subscribed);
    await exchange(monitor, "MONITOR\r\n", "+OK\r\n");
    await exchange(worker, "PUBLISH c hello\r\n", ":1\r\n");
    const message = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n";
    expect((await read(listener, message.length)).toString()).toBe(message);
    expect((await read(monitor, 1)).toString()).toMatch(/^\+.*"publish" "c" "hello"\r\n$/i);
  });

  test(`${name}: unwanted replies are not sent, and later ones are`, async () => {
    const socket = await rig.open();
    socket.write("CLIENT REPLY OFF\r\nSET a 1\r\nGET a\r\nCLIENT REPLY ON\r\n");
    expect((await read(socket, 5)).toString()).toBe("+OK\r\n");
    await exchange(socket, "CLIENT REPLY SKIP\r\nSET a 2\r\nGET a\r\n", "$1\r\n2\r\n");
  });
}

function bounds(name: string, rig: Rig): void {
  test(`${name}: hostile bytes are an error or a close, and others are served`, async () => {
    const other = await rig.open();
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
      const socket = await rig.open();
      socket.write(input);
      const reply = await read(socket, 1).catch(() => Buffer.alloc(0));
      expect(reply.length === 0 || reply[0] === 45, input.slice(0, 20)).toBe(true);
    }
    await exchange(other, "PING\r\n", "+PONG\r\n");
  });

  test(`${name}: what never reads is served no further, and others are served`, async () => {
    const greedy = await rig.open();
    greedy.write(encode("SET", "big", Buffer.alloc(65_536, 1)));
    await read(greedy, 5);
    const before = process.memoryUsage().rss;
    greedy.pause();
    for (let i = 0; i < 40; i++) greedy.write(Buffer.concat(Array(200).fill(encode("GET", "big"))));
    const other = await rig.open();
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

  test(`${name}: 300 connections are all served, one too many is refused`, async () => {
    await rig.listening.close();
    await rig.serve({ settings: { maxclients: 300 } });
    const many = await Promise.all(Array.from({ length: 300 }, () => rig.open()));
    await Promise.all(many.map((socket) => exchange(socket, "PING\r\n", "+PONG\r\n")));
    const late = await rig.open();
    expect((await read(late, 1000)).toString()).toBe("-ERR max number of clients reached\r\n");
    many[0]?.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await exchange(await rig.open(), "PING\r\n", "+PONG\r\n");
  });

  test(`${name}: timers go on while many clients send without end`, async () => {
    const request = Buffer.concat(Array(200).fill(encode("PING")));
    let flooding = true;
    const flood = async (): Promise<void> => {
      const socket = await rig.open();
      while (flooding) {
        socket.write(request);
        await read(socket, 200 * 7);
      }
    };
    const floods = Array.from({ length: 10 }, flood);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    await sleep(400);
    clearInterval(timer);
    flooding = false;
    await Promise.all(floods);
    expect(ticks).toBeGreaterThan(5);
  });

  test(`${name}: many messages to a subscriber that pauses arrive in order`, async () => {
    const [listener, speaker] = [await rig.open(), await rig.open()];
    listener.write("SUBSCRIBE c\r\n");
    await read(listener, 1);
    listener.pause();
    const head = `*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n`;
    let expected = "";
    for (let n = 0; n < 300; n++) {
      const message = `${n}-`.repeat(n % 10 === 0 ? 12_000 : 20);
      await exchange(speaker, encode("PUBLISH", "c", message), ":1\r\n");
      expected += `${head}$${message.length}\r\n${message}\r\n`;
    }
    listener.resume();
    expect((await read(listener, expected.length)).toString("latin1") === expected).toBe(true);
  });

  test(`${name}: a client that was silent too long is disconnected`, async () => {
    await rig.listening.close();
    await rig.serve({ settings: { timeout: 1 } });
    const socket = await rig.open();
    await exchange(socket, "PING\r\n", "+PONG\r\n");
    expect((await read(socket, 1)).length).toBe(0);
    await until(() => rig.clients === 0);
  });

  test(`${name}: many MiB to a slow reader that sends on`, async () => {
    const socket = await rig.open();
    const value = Buffer.alloc(9 << 20, "fedcba9876543210");
    await exchange(socket, encode("SET", "large", value), "+OK\r\n");
    socket.pause();
    socket.write(Buffer.concat([encode("GET", "large"), encode("GET", "large"), encode("PING")]));
    await sleep(50);
    socket.write(encode("ECHO", "last"));
    const one = `$${value.length}\r\n${value.toString("latin1")}\r\n`;
    const reply = `${one}${one}+PONG\r\n$4\r\nlast\r\n`;
    socket.resume();
    expect((await read(socket, reply.length)).toString("latin1") === reply).toBe(true);
  });
}

function ends(name: string, rig: Rig): void {
  test(`${name}: a client that closes its half still gets its replies`, async () => {
    const socket = await rig.open();
    socket.end(Buffer.concat([encode("SET", "a", "1"), encode("GET", "a")]));
    expect((await read(socket, 1000)).toString()).toBe("+OK\r\n$1\r\n1\r\n");
  });

  test(`${name}: clients that reset, end or are killed leave nothing behind`, async () => {
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    await exchange(await rig.open(), "PING\r\n", "+PONG\r\n");
    const before = descriptors();
    for (let round = 0; round < 6; round++) {
      const some = await Promise.all(Array.from({ length: 30 }, () => rig.open()));
      await Promise.all(some.map((socket) => exchange(socket, "PING\r\n", "+PONG\r\n")));
      for (const [n, socket] of some.entries()) {
        if (n % 4 === 0) reset(socket);
        else if (n % 4 === 1) socket.destroy();
        else if (n % 4 === 2) socket.end("GET a\r\n");
        else socket.write("QUIT\r\n");
      }
      await until(() => rig.clients === 1);
      for (const socket of some) socket.destroy();
    }
    await until(() => descriptors() <= before);
  });

  test(`${name}: whoever is killed gets no more, and who comes next only its own`, async () => {
    const killer = await rig.open();
    for (let round = 0; round < 15; round++) {
      const victims = await Promise.all([rig.open(), rig.open(), rig.open()]);
      for (const victim of victims) await exchange(victim, "SET a 1\r\n", "+OK\r\n");
      // In one turn: commands of the victims stand before and behind the kill.
      for (const victim of victims) victim.write("GET a\r\n".repeat(50));
      killer.write("CLIENT KILL TYPE normal SKIPME yes\r\n");
      for (const victim of victims) victim.write("GET a\r\n".repeat(50));
      expect((await read(killer, 1)).toString()).toMatch(/^:[0-3]\r\n$/);
      const next = await rig.open();
      await exchange(next, "ECHO mine\r\n", "$4\r\nmine\r\n");
      for (const victim of victims) victim.destroy();
      next.destroy();
      await until(() => rig.clients === 1);
    }
  });

  test(`${name}: a reset while replies wait for a slow reader`, async () => {
    const socket = await rig.open();
    await exchange(socket, encode("SET", "big", Buffer.alloc(1 << 20, 1)), "+OK\r\n");
    socket.pause();
    socket.write(Buffer.concat(Array(50).fill(encode("GET", "big"))));
    await sleep(100);
    reset(socket);
    await until(() => rig.clients === 0);
    await exchange(await rig.open(), "PING\r\n", "+PONG\r\n");
  });

  test(`${name}: a server that closes ends its connections`, async () => {
    const [idle, slow] = [await rig.open(), await rig.open()];
    await exchange(slow, encode("SET", "big", Buffer.alloc(1 << 20, 1)), "+OK\r\n");
    slow.pause();
    slow.write(Buffer.concat(Array(20).fill(encode("GET", "big"))));
    await sleep(50);
    const closed = once(idle, "close");
    idle.resume();
    await rig.listening.close();
    await closed;
    await rig.serve();
  });
}
