// Goal: the addon's sockets lose no byte and mix none up, whatever the sizes, and no argument from
// JavaScript makes the addon touch memory or descriptors that are not its own.
import { closeSync, openSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadNative, type NativeAddon } from "./native.ts";
import { nativeSockets } from "./sockets.ts";
import { type Pair, Pairs, until, untilAsleep } from "./testing/pairs.ts";

const addon = loadNative() as NativeAddon;
const set = nativeSockets();
let pairs: Pairs;
const pair = (): Promise<Pair> => pairs.open();

beforeEach(async () => {
  if (set === null) return;
  pairs = new Pairs(set);
  await pairs.listen();
});
afterEach(() => pairs?.close());

if (set !== null) {
  test("sockets: what many clients send arrives whole, each at its own socket", async () => {
    const all = await Promise.all(Array.from({ length: 40 }, pair));
    const sent = all.map(({ client }, n) => {
      const data = Buffer.alloc(1 + n * n * 300, `${n}.`);
      for (let at = 0; at < data.length; at += 50_000) client.write(data.subarray(at, at + 50_000));
      client.end();
      return data;
    });
    await until(() => all.every(({ near }) => near.happened.length > 0));
    for (const [n, { near }] of all.entries()) {
      expect(near.happened).toEqual(["ended"]);
      expect(Buffer.concat(near.parts).equals(sent[n] as Buffer)).toBe(true);
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
    await untilAsleep();
    client.write("y");
    await until(() => near.bytes === sent + 1);
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
  });

  test("sockets: no argument reaches past what was given", () => {
    // No slot is in use that a chance argument could close.
    pairs.close();
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
