// Goal: the addon's sockets lose no byte and mix none up, whatever the sizes, and no argument from
// JavaScript makes the addon touch memory or descriptors that are not its own.
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadNative, type NativeAddon } from "./native.ts";
import { type NativeSocket, nativeSockets, type SocketEvents } from "./sockets.ts";

const addon = loadNative() as NativeAddon;
const set = nativeSockets();
let port = 0;
let listener: NativeSocket | null = null;
/** Slots of accepted connections that no pair has taken. */
const accepted: number[] = [];

beforeAll(async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as { port: number }).port;
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const events = { keepAliveSeconds: () => 0, accepted: (slot: number) => accepted.push(slot) };
  listener = set?.listen(fd, events) ?? null;
  server.close();
});
afterAll(() => listener?.close(false));

class Recorder implements SocketEvents {
  readonly parts: Buffer[] = [];
  readonly happened: string[] = [];
  bytes = 0;
  whenWritable: () => void = () => {};

  /** What was announced and has not been received. */
  readonly announcements: string[] = [];
  announced(buffer: Buffer, start: number, end: number): boolean {
    this.announcements.push(buffer.toString("latin1", start, end));
    return this.announcements.length % 2 === 0;
  }
  received(buffer: Buffer, start: number, end: number): void {
    expect(this.announcements.shift()).toBe(buffer.toString("latin1", start, end));
    this.parts.push(Buffer.from(buffer.subarray(start, end)));
    this.bytes += end - start;
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
  socket!: NativeSocket;
}

/** A client of Node's and the accepted other end. */
async function pair(): Promise<{ client: Socket; near: Recorder }> {
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  await once(client, "connect");
  const name = `127.0.0.1:${client.localPort}`;
  const isNear = (slot: number): boolean => set?.names(slot)[0] === name;
  await until(() => accepted.some(isNear));
  const [slot] = accepted.splice(accepted.findIndex(isNear), 1);
  const near = new Recorder();
  near.socket = set?.join(slot as number, near) as NativeSocket;
  near.socket.watchReading(true);
  return { client, near };
}

async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !holds(); n++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

if (set !== null) {
  test("sockets: what many clients send arrives whole, each at its own socket", async () => {
    const pairs = await Promise.all(Array.from({ length: 40 }, pair));
    const sent = pairs.map(({ client }, n) => {
      const data = Buffer.alloc(1 + n * n * 300, `${n}.`);
      for (let at = 0; at < data.length; at += 50_000) client.write(data.subarray(at, at + 50_000));
      client.end();
      return data;
    });
    await until(() => pairs.every(({ near }) => near.happened.length > 0));
    for (const [n, { near, client }] of pairs.entries()) {
      expect(near.happened).toEqual(["ended"]);
      expect(Buffer.concat(near.parts).equals(sent[n] as Buffer)).toBe(true);
      near.socket.close(true);
      client.destroy();
    }
  });

  test("sockets: bytes in each turn keep no timer from its own, and then it sleeps", async () => {
    const { client, near } = await pair();
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    let sent = 0;
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 300 || timers < 5; n++) {
        client.write("x");
        sent++;
        await turn();
      }
      const late = await pair();
      late.client.write("late");
      await until(() => near.bytes === sent && late.near.bytes === 4);
      late.near.socket.close(false);
      late.client.destroy();
      timers = 0;
    }
    clearInterval(timer);
    const before = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
    client.write("y");
    await until(() => near.bytes === sent + 1);
    near.socket.close(false);
    client.destroy();
  });

  test("sockets: what is sent arrives, in order, also when the peer reads late", async () => {
    const { client, near } = await pair();
    client.pause();
    const data = Buffer.alloc(6 << 20, "0123456789");
    let at = 0;
    const go = (): void => {
      at += near.socket.send(data, at, data.length - at);
      near.socket.watchWriting(at < data.length);
      if (at === data.length) near.socket.close(true);
    };
    near.whenWritable = go;
    go();
    expect(at).toBeLessThan(data.length);
    const parts: Buffer[] = [];
    for await (const part of client) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
  });

  test("sockets: what is not watched is not read, and a reset shows all the same", async () => {
    const { client, near } = await pair();
    near.socket.watchReading(false);
    client.write("abc");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(near.bytes).toBe(0);
    near.socket.watchReading(true);
    await until(() => near.bytes === 3);
    near.socket.watchReading(false);
    client.resetAndDestroy();
    await until(() => near.happened.includes("broken"));
    expect(near.socket.closed).toBe(true);
  });

  test("sockets: rows of a full or a closed socket say so, and others are sent", async () => {
    const [one, two] = [await pair(), await pair()];
    one.client.pause();
    const data = Buffer.alloc(4 << 20, 1);
    const gone = await pair();
    const rows = Int32Array.from([
      ...[one.near.socket.place, 0, data.length, 0],
      ...[one.near.socket.place, 0, 10, 0],
      ...[two.near.socket.place, 5, 7, 0],
      ...[gone.near.socket.place, 0, 1, 0],
    ]);
    gone.near.socket.close(false);
    addon.socketsSendMany(rows, 4, data);
    expect(rows[3]).toBeGreaterThan(0);
    expect(rows[3]).toBeLessThan(data.length);
    expect([rows[7], rows[11], rows[15]]).toEqual([-11, 7, -9]);
    for (const { client, near } of [one, two, gone]) {
      near.socket.close(false);
      client.destroy();
    }
  });

  test("sockets: no argument reaches past what was given", () => {
    const odd = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.constantFrom<unknown>(null, undefined, "1", {}, [], -1, 2 ** 31, 2 ** 32, 2 ** 53, NaN),
      fc.uint8Array({ maxLength: 40 }),
      fc.int32Array({ maxLength: 40 }),
    );
    const names = [
      ...(["socketsOpen", "socketsWatch", "socketsClose", "socketsReceive"] as const),
      ...(["socketsSendMany", "socketsSend", "socketsDescriptor"] as const),
      ...(["socketsAccept", "socketsNames"] as const),
    ];
    const property = fc.property(
      fc.constantFrom(...names),
      fc.array(odd, { maxLength: 5 }),
      (name, args) => {
        const call = addon[name] as (...args: unknown[]) => unknown;
        try {
          call(...args);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      },
    );
    fc.assert(property, { numRuns: 3000 });
    const small = Buffer.alloc(10);
    expect(() => addon.socketsSendMany(Int32Array.from([0, 5, 6, 0]), 1, small)).toThrow(
      RangeError,
    );
    expect(() => addon.socketsSendMany(Int32Array.from([0, -1, 6, 0]), 1, small)).toThrow(
      RangeError,
    );
    expect(() => addon.socketsSendMany(new Int32Array(4), 2, small)).toThrow(RangeError);
    expect(() => addon.socketsReceive(small, new Int32Array(4), 1)).toThrow(RangeError);
    expect(() => addon.socketsWatch(1 << 19, 1)).toThrow(RangeError);
  });

  test("sockets: only streams that listen are listened on, and a set is opened once", () => {
    const file = openSync("/dev/null", "r");
    expect(addon.socketsListen(file)).toBe(-88);
    closeSync(file);
    expect(addon.socketsListen(file)).toBe(-9);
    expect(() => addon.socketsListen(2 ** 31)).toThrow(RangeError);
    expect(() => addon.socketsOpen(() => {})).toThrow("open already");
  });
} else test("sockets: without the addon there are none", () => expect(set).toBe(null));
