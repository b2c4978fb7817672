// Goal: the addon's listener accepts every connection, a crowd in few turns, gives each its names,
// and neither spins nor loses anybody while the system has no descriptor left.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadNative, type NativeAddon } from "./native.ts";
import { type NativeSocket, nativeSockets, type SocketEvents } from "./sockets.ts";
import { fdOf, listenOn, until } from "./testing/pairs.ts";
import { whenTurnEnds } from "./turns.ts";

const addon = loadNative() as NativeAddon;
const set = nativeSockets();
const nothing: SocketEvents = {
  announced: () => true,
  received: () => {},
  ended: () => {},
  broken: () => {},
  writable: () => {},
};

let port: number;
let listener: NativeSocket;
let clients: Socket[];
/** Slots of each turn. */
let turns: number[][];
let onAccepted: (slot: number) => void;

function accepted(slot: number): void {
  if (turns.at(-1)?.length === 0) whenTurnEnds(() => turns.push([]));
  turns.at(-1)?.push(slot);
  onAccepted(slot);
}

async function listen(host: string): Promise<void> {
  if (set === null) return;
  ({ listener, port } = await listenOn(set, host, { keepAliveSeconds: () => 300, accepted }));
}

function open(host = "127.0.0.1"): Socket {
  const client = connect(port, host);
  client.on("error", () => {});
  clients.push(client);
  return client;
}

beforeEach(async () => {
  clients = [];
  turns = [[]];
  onAccepted = (slot) => set?.join(slot, nothing).close(true);
  await listen("127.0.0.1");
});
afterEach(() => {
  vi.restoreAllMocks();
  listener?.close(false);
  for (const client of clients) client.destroy();
});

if (set !== null) {
  test("listener: a crowd is accepted in few turns, and everybody is", async () => {
    for (let n = 0; n < 200; n++) open();
    await until(() => turns.flat().length === 200);
    expect(turns.filter((slots) => slots.length > 0).length).toBeLessThan(20);
  });

  test("listener: a connection has the names that the client sees, in each family", async () => {
    // A container may have no IPv6.
    const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const hosts = ["127.0.0.1", "::1"].filter((host) =>
      own.some(({ address }) => address === host),
    );
    for (const host of hosts) {
      listener.close(false);
      await listen(host);
      const names: (readonly [string, string])[] = [];
      onAccepted = (slot) => {
        names.push(set.names(slot));
        set.join(slot, nothing).close(true);
      };
      const client = open(host);
      await once(client, "connect");
      const shown = host === "::1" ? "[::1]" : host;
      const wanted = [`${shown}:${client.localPort}`, `${shown}:${port}`];
      await until(() => names.length === 1);
      expect(names).toEqual([wanted]);
    }
  });

  test("listener: who is refused reads why, and then the end", async () => {
    onAccepted = (slot) => set.refuse(slot, "-ERR max number of clients reached\r\n");
    let text = "";
    for await (const part of open()) text += part;
    expect(text).toBe("-ERR max number of clients reached\r\n");
  });

  test("listener: with no descriptor left it waits without spinning, then goes on", async () => {
    const accept = addon.socketsAccept;
    let calls = 0;
    let full = true;
    vi.spyOn(set.calls, "socketsAccept").mockImplementation((slot, seconds) => {
      calls++;
      return full ? -24 : accept(slot, seconds);
    });
    open();
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect([turns.flat().length, calls > 1, calls < 6]).toEqual([0, true, true]);
    full = false;
    open();
    await until(() => turns.flat().length === 2);
  });

  test("listener: one that was lost before it was accepted concerns nobody else", async () => {
    const accept = addon.socketsAccept;
    const results = [-103, -103];
    vi.spyOn(set.calls, "socketsAccept").mockImplementation(
      (slot, seconds) => results.pop() ?? accept(slot, seconds),
    );
    open();
    await until(() => turns.flat().length === 1);
  });

  test("listener: who comes to a slot just left gets nothing of what was sent to it", async () => {
    const received: string[] = [];
    const near: NativeSocket[] = [];
    onAccepted = (slot) => {
      const name = `${near.length}`;
      const events = {
        ...nothing,
        received(buffer: Buffer, start: number, end: number) {
          received.push(`${name} ${buffer.toString("latin1", start, end)}`);
          if (name === "0") near[1]?.close(false);
        },
      };
      const socket = set.join(slot, events);
      socket.watchReading(true);
      near.push(socket);
    };
    const [first, second] = [open(), open()];
    await until(() => near.length === 2);
    // All three wait for one and the same turn, in this order.
    first.write("closes");
    const third = open();
    await new Promise((resolve) => process.nextTick(resolve));
    second.write("lost");
    await until(() => near.length === 3);
    expect(near[2]?.place).toBe(near[1]?.place);
    third.write("own");
    await until(() => received.length >= 2);
    expect(received).toEqual(["0 closes", "2 own"]);
    for (const socket of near) socket.close(false);
  });

  test("listener: closed, nobody is accepted and the port is free", async () => {
    listener.close(false);
    const [error] = await once(open(), "error");
    expect(error.code).toBe("ECONNREFUSED");
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
  });

  test("listener: only what listens is taken, and only it accepts", async () => {
    let slot = -1;
    onAccepted = (one) => {
      slot = one;
    };
    const client = open();
    await until(() => slot >= 0);
    expect(addon.socketsListen(fdOf(client))).toBe(-22);
    expect(addon.socketsAccept(slot, 0)).toBe(-22);
    expect(addon.socketsAccept(listener.place, 0)).toBe(-11);
    expect(() => addon.socketsListen(2 ** 31)).toThrow(RangeError);
    expect(() => addon.socketsAccept(1 << 19, 0)).toThrow(RangeError);
    expect(() => addon.socketsNames(1 << 19)).toThrow(RangeError);
    set.join(slot, nothing).close(false);
    expect(() => addon.socketsNames(slot)).toThrow(RangeError);
  });
} else test("listener: without the addon there is none", () => expect(set).toBe(null));
