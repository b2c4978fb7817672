// Goal: turns that look at the sockets themselves lose nothing and tell nothing twice, whoever
// comes, pauses, breaks or leaves meanwhile; and they end when there is no more to find.
// Method: some clients that are always answered keep the turns busy. Which sockets the kernel
// watches for reading is read from /proc/self/fdinfo (proc(5)).
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NativeSockets, nativeSockets, type SocketEvents } from "./sockets.ts";
import { type Pair, Pairs, until, untilAsleep } from "./testing/pairs.ts";

const ENOSPC = -28;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const set = nativeSockets();
let pairs: Pairs;
let talking = false;

beforeEach(async () => {
  if (set === null) return;
  pairs = new Pairs(set);
  await pairs.listen();
});
afterEach(() => {
  talking = false;
  pairs?.close();
});

/** The sets of this process: events by descriptor. */
function watched(fd: number): number | null {
  for (const name of readdirSync("/proc/self/fdinfo")) {
    let text = "";
    try {
      text = readFileSync(`/proc/self/fdinfo/${name}`, "latin1");
    } catch {
      continue; // The descriptor of this very read.
    }
    const found = new RegExp(`^tfd: +${fd} events: +([0-9a-f]+)`, "m").exec(text);
    if (found !== null) return Number.parseInt(found[1] as string, 16);
  }
  return null;
}

/** Whether the kernel watches it for reading; one that is only looked at stands in no set. */
const kernelReads = ({ near }: Pair): boolean => ((watched(near.socket.fd) ?? 0) & EPOLLIN) !== 0;

/** A pair whose client sends a byte for each that it gets back. */
async function talker(): Promise<Pair> {
  const pair = await pairs.open();
  const { client, near } = pair;
  near.whenReceived = (data) => void near.socket.send(data, 0, data.length);
  client.on("data", (data) => {
    if (talking) client.write(data);
  });
  client.write("x");
  return pair;
}

/** Some that talk without end; returns when the sockets are looked at. */
async function talk(): Promise<Pair[]> {
  talking = true;
  const all = await Promise.all(Array.from({ length: 8 }, talker));
  // After times that were not worth while it takes thousands of turns.
  await until(() => watched((all[0] as Pair).near.socket.fd) === null, 60);
  return all;
}

if (set !== null) {
  test("scan: who comes, pauses, ends or breaks meanwhile is told of once", async () => {
    const [talks] = await talk();
    const [large, paused, ends, breaks, silent] = await Promise.all(
      Array.from({ length: 5 }, () => pairs.open()),
    );
    const data = Buffer.alloc(3 << 20, "0123456789abcdef.");
    large?.client.end(data);
    paused?.near.socket.watchReading(false);
    paused?.client.write("kept");
    ends?.client.end("last");
    breaks?.near.socket.watchReading(false);
    breaks?.client.resetAndDestroy();
    await until(() => large?.near.happened.length === 1);
    await until(() => ends?.near.happened.length === 1 && breaks?.near.happened.length === 1);
    expect(Buffer.concat(large?.near.parts ?? []).equals(data)).toBe(true);
    expect(paused?.near.bytes).toBe(0);
    paused?.near.socket.watchReading(true);
    await until(() => paused?.near.bytes === 4);
    expect(kernelReads(talks as Pair)).toBe(false);
    const happened = [large, paused, ends, breaks, silent].map((one) => one?.near.happened);
    expect(happened).toEqual([["ended"], [], ["ended"], ["broken"], []]);
    expect(ends?.near.bytes).toBe(4);
  });

  test("scan: every connection that breaks while looked at is told of as broken", async () => {
    const all = await talk();
    for (const { client } of all) client.resetAndDestroy();
    await until(() => all.every(({ near }) => near.happened.length > 0));
    expect(all.map(({ near }) => near.happened)).toEqual(Array(8).fill(["broken"]));
  });

  test("scan: who reads late is sent the rest when there is room", async () => {
    await talk();
    const { client, near } = await pairs.open();
    client.pause();
    const data = Buffer.alloc(6 << 20, "0123456789");
    let at = 0;
    near.whenWritable = () => {
      at += near.socket.send(data, at, data.length - at);
      near.socket.watchWriting(at < data.length);
      if (at === data.length) near.socket.close(true);
    };
    near.whenWritable();
    expect(at).toBeLessThan(data.length);
    expect((watched(near.socket.fd) ?? 0) & (EPOLLIN | EPOLLOUT)).toBe(EPOLLOUT);
    const parts: Buffer[] = [];
    for await (const part of client) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
  });

  test("scan: it ends with the last word, the loop sleeps, and the next is heard", async () => {
    for (let round = 0; round < 3; round++) {
      const [one] = (await talk()) as [Pair];
      talking = false;
      await until(() => kernelReads(one));
      await untilAsleep();
      const { bytes } = one.near;
      one.client.write("y");
      await until(() => one.near.bytes > bytes);
      pairs.close();
      await pairs.listen();
    }
  });

  test("scan: among many sockets that are silent it does not last", async () => {
    const silent = await Promise.all(Array.from({ length: 200 }, () => pairs.open()));
    talking = true;
    const one = await talker();
    let left = 0;
    await until(() => {
      left = kernelReads(one) ? left + 1 : 0;
      return left >= 20;
    });
    for (const { client } of silent) client.write("z");
    await until(() => silent.every(({ near }) => near.bytes === 1));
  });

  test("scan: it ends where the sockets become too many", async () => {
    const [one] = (await talk()) as [Pair];
    const many = await Promise.all(Array.from({ length: 300 }, () => pairs.open()));
    await until(() => kernelReads(one));
    for (const { client } of many) client.write("z");
    await until(() => many.every(({ near }) => near.bytes === 1));
  });

  test("scan: a socket for which the kernel has no room any more counts as broken", async () => {
    const happened: string[] = [];
    const events = { broken: () => void happened.push("broken") } as unknown as SocketEvents;
    const calls = { socketsOpen() {}, socketsDescriptor: () => 0, socketsWatch: () => ENOSPC };
    const socket = new NativeSockets(calls as never).join(0, events);
    socket.watchReading(true);
    // Whoever pauses it is in the midst of something.
    expect(happened).toEqual([]);
    await until(() => happened.length > 0);
    expect(happened).toEqual(["broken"]);
  });
} else test("scan: without the addon there is none", () => expect(set).toBe(null));
