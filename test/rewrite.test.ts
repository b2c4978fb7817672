// Goal: old data is sealed afresh while clients write: they hardly notice at the default rate, it
// is quick without one, and a kill in the middle costs nothing but the segment at hand.
// Method: a node as its own process, steered through its admin port; connections that write random
// keys in small pipelines. STRONGROOM_REWRITE_KEYS sets the size (1 KiB a key): from 500,000 on the
// figures are held against what is promised, below that they are only printed.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type AdminClient, connectAdmin, findNode } from "../src/admin/client.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { pause, Server } from "./support/server.ts";

const keys = Number(process.env.STRONGROOM_REWRITE_KEYS ?? 20_000);
const large = keys >= 500_000;
const measureMs = large ? 10_000 : 1500;
const connections = 16;
const pipeline = 8;
const valueBytes = 1024;
const limit = 240_000 + keys * 3;
const disk = new NodeDisk();

const server = new Server();
afterAll(() => server.kill());

const nameOf = (n: number): string => `key:${String(n).padStart(10, "0")}`;
const okBytes = 5;

function setCommands(count: number, draw: () => number, value: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let n = 0; n < count; n++) {
    const name = nameOf(draw());
    parts.push(
      Buffer.from(`*3\r\n$3\r\nSET\r\n$${name.length}\r\n${name}\r\n$${value.length}\r\n`),
    );
    parts.push(value, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** Writers that never pause; `done` counts their replies. */
class Load {
  done = 0;
  private readonly sockets: Socket[] = [];

  constructor(port: number) {
    const value = randomBytes(valueBytes);
    for (let n = 0; n < connections; n++) {
      const socket = connect(port, "127.0.0.1");
      let left = 0;
      const next = (): void => {
        left = pipeline * okBytes;
        socket.write(setCommands(pipeline, () => Math.floor(Math.random() * keys), value));
      };
      socket.on("connect", next);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        if (data[0] === 0x2d) throw new Error(data.toString("latin1"));
        left -= data.length;
        this.done += data.length / okBytes;
        if (left === 0) next();
      });
      this.sockets.push(socket);
    }
  }

  /** Replies a second, over so long or until `ended`. */
  async rate(ms: number, ended: () => Promise<boolean> = async () => false): Promise<number> {
    const begin = performance.now();
    const before = this.done;
    while (performance.now() - begin < ms && !(await ended())) await pause(100);
    return ((this.done - before) * 1000) / (performance.now() - begin);
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

async function fill(): Promise<void> {
  const client = await server.client();
  for (let from = 0; from < keys; from += 500) {
    const commands = Array.from({ length: Math.min(500, keys - from) }, (_, at) => [
      "SET",
      nameOf(from + at),
      Buffer.alloc(valueBytes, `${from + at};`),
    ]);
    for (const reply of await Promise.all(client.sendAll(commands))) expect(reply).toBe("OK");
  }
  client.close();
}

/** Bytes of segments under a key, by their headers. */
function under(keyId: number): number {
  const folder = join(server.dataDir, "store");
  let bytes = 0;
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".segment"))) {
    const data = readFileSync(join(folder, name));
    if (data.readUInt32BE(34) === keyId) bytes += data.length;
  }
  return bytes;
}

const admin = (): AdminClient => connectAdmin(findNode(disk, server.dataDir));

async function isDone(client: AdminClient, keyId: number): Promise<boolean> {
  const { keyring } = await client.status();
  return keyring.rewrites.find((rewrite) => rewrite.keyId === keyId)?.state === "done";
}

async function untilDone(client: AdminClient, keyId: number): Promise<void> {
  while (!(await isDone(client, keyId))) await pause(50);
}

/** A fresh key; what is under the old one is left alone until it is asked for. */
async function rotated(client: AdminClient): Promise<number> {
  await client.checkpoint();
  const { keyring } = await client.status();
  const old = keyring.active.storage;
  await client.rotate("storage", old);
  await client.startRewrite(old, 1);
  await client.cancelRewrite(old);
  return old;
}

test(
  "rewrite: clients hardly notice it at the default rate, and it is quick without one",
  async () => {
    await server.start();
    await fill();
    let client = admin();
    const load = new Load(server.port);
    await pause(measureMs / 3);
    const calm = await load.rate(measureMs);
    let old = await rotated(client);
    const { rewrite } = await client.startRewrite(old);
    const during = await load.rate(measureMs, () => isDone(client, old));
    const { keyring } = await client.status();
    const told = keyring.rewrites.find(({ keyId }) => keyId === old);
    await client.throttleRewrite(old, 0).catch(() => {});
    await untilDone(client, old);
    load.close();
    expect(under(old)).toBe(0);
    const ratio = during / calm;
    const rate = Math.round((told?.currentBytesPerSecond ?? 0) / 1e6);
    console.log(
      `${keys} keys, ${Math.round(rewrite.bytesTotal / 1e6)} MB under the old key: ` +
        `${Math.round(calm)} SET/s undisturbed, ${Math.round(during)} SET/s during a rewrite ` +
        `at the default rate (${rate} MB/s), ratio ${ratio.toFixed(2)}`,
    );
    if (large) expect(ratio).toBeGreaterThan(0.7);

    old = await rotated(client);
    const begin = performance.now();
    const { rewrite: quick } = await client.startRewrite(old, 0);
    await untilDone(client, old);
    const seconds = (performance.now() - begin) / 1000;
    const speed = quick.bytesTotal / 1e6 / seconds;
    console.log(
      `${Math.round(quick.bytesTotal / 1e6)} MB rewritten without a limit in ` +
        `${seconds.toFixed(1)} s: ${speed.toFixed(0)} MB/s`,
    );
    if (large) expect(speed).toBeGreaterThan(50);

    // Killed in the middle: the next start goes on unasked, with what is left.
    old = await rotated(client);
    const { rewrite: slow } = await client.startRewrite(old, quick.bytesTotal / 4);
    await pause(1500);
    await server.kill();
    const left = under(old);
    expect(left).toBeGreaterThan(0);
    await server.start();
    client = admin();
    const again = (await client.status()).keyring.rewrites.find(({ keyId }) => keyId === old);
    expect(again).toMatchObject({ state: "running", bytesTotal: slow.bytesTotal });
    await client.throttleRewrite(old, 0);
    await untilDone(client, old);
    expect(under(old)).toBe(0);
    const reader = await server.client();
    expect(await reader.call("DBSIZE")).toBe(keys);
    for (let n = 0; n < keys; n += Math.ceil(keys / 50))
      expect(String(await reader.call("GET", nameOf(n))).length).toBe(valueBytes);
    reader.close();
    expect((await server.stop()).status).toBe(0);
  },
  limit,
);
