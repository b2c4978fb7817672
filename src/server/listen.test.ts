// Goal: the port listens where it was told to, safely, or says why it does not.
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { commands } from "../commands/table.ts";
import { serveRedis } from "./listen.ts";
import { QuickEngine } from "./testing/quick.ts";
import { exchange, Rig, read } from "./testing/rig.ts";

const folder = mkdtempSync(join(tmpdir(), "listen-"));
const cert = new URL("testdata/cert.pem", import.meta.url).pathname;
const key = new URL("testdata/key.pem", import.meta.url).pathname;
const rig = new Rig();
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rig.serve());
afterEach(() => rig.end());

test("listen: a unix socket, private to its owner, over the file of a dead process", async () => {
  const path = join(folder, "s");
  for (let life = 0; life < 2; life++) {
    await rig.listening.close();
    await rig.serve({ unixSocket: path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const socket = connect(path);
    rig.sockets.push(socket);
    await exchange(socket, "PING\r\n", "+PONG\r\n");
  }
  await rig.listening.close();
  expect(existsSync(path)).toBe(false);
  await rig.serve();
});

test("listen: neither a file that is no socket is touched, nor another's socket", async () => {
  const path = join(folder, "kept");
  const base = { engine: new QuickEngine(), commands, report: () => {}, unixSocket: path };
  for (const place of [path, `${path.slice(0, -1)}~`]) {
    writeFileSync(place, "mine");
    await expect(serveRedis(base)).rejects.toMatchObject({ code: "SERVER_LISTEN_FAILED" });
    expect(readFileSync(place, "latin1")).toBe("mine");
    rmSync(place);
  }
  const within = join(folder, "none", "s");
  await expect(serveRedis({ ...base, unixSocket: within })).rejects.toMatchObject({
    code: "SERVER_LISTEN_FAILED",
  });
  const first = await serveRedis(base);
  const second = await serveRedis(base);
  await first.close();
  const socket = connect(path);
  rig.sockets.push(socket);
  await exchange(socket, "PING\r\n", "+PONG\r\n");
  await second.close();
  expect(readdirSync(folder)).toEqual([]);
});

test("listen: TLS, and TLS that asks clients for a certificate", async () => {
  for (const tlsCa of [undefined, cert]) {
    await rig.listening.close();
    const authority = tlsCa === undefined ? {} : { tlsCa };
    await rig.serve({
      port: undefined as never,
      tlsPort: 0,
      tlsCert: cert,
      tlsKey: key,
      ...authority,
    });
    const ca = readFileSync(cert);
    const own = tlsCa === undefined ? {} : { cert: ca, key: readFileSync(key) };
    const socket = connectTls({ port: rig.listening.port, host: "127.0.0.1", ca, ...own });
    rig.sockets.push(socket);
    await once(socket, "secureConnect");
    await exchange(socket, "SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n");
    const bare = connectTls({ port: rig.listening.port, host: "127.0.0.1", ca });
    bare.on("error", () => {});
    rig.sockets.push(bare);
    bare.write("PING\r\n");
    const reply = await read(bare, 7).catch(() => Buffer.alloc(0));
    expect(reply.toString()).toBe(tlsCa === undefined ? "+PONG\r\n" : "");
  }
});

const tls = { port: undefined as never, tlsPort: 0, tlsCert: cert, tlsKey: key };

test("listen: under TLS handshakes count as clients, and one too many is dropped", async () => {
  await rig.listening.close();
  await rig.serve({ ...tls, settings: { maxclients: 3 } });
  const silent = [await rig.open(), await rig.open()];
  const to = { port: rig.listening.port, host: "127.0.0.1", ca: readFileSync(cert) };
  const client = connectTls(to);
  rig.sockets.push(client);
  await once(client, "secureConnect");
  await exchange(client, "PING\r\n", "+PONG\r\n");
  expect(rig.listening.redis.handshakes).toBe(2);
  expect(await read(await rig.open(), 1)).toHaveLength(0);
  const { rejected, connections } = rig.listening.redis.figures;
  expect([rejected, connections]).toEqual([1, 1]);
  silent[0]?.resetAndDestroy();
  client.destroy();
  await expect.poll(() => rig.listening.redis.handshakes).toBe(1);
  const next = connectTls(to);
  rig.sockets.push(next);
  await exchange(next, "PING\r\n", "+PONG\r\n");
});

test("listen: who does not end the handshake is disconnected, and holds up no end", async () => {
  await rig.listening.close();
  await rig.serve({ ...tls, handshakeMsMax: 200 });
  const socket = await rig.open();
  socket.write(Buffer.from([22, 3, 1]));
  expect(await read(socket, 1)).toHaveLength(0);
  await expect.poll(() => rig.listening.redis.handshakes).toBe(0);
  await rig.listening.close();
  await rig.serve(tls);
  await rig.open();
  await rig.listening.close();
  await rig.serve();
});

test("listen: a taken port and a wrong certificate are typed errors", async () => {
  const engine = new QuickEngine();
  const base = { engine, commands, report: () => {} };
  await expect(serveRedis({ ...base, port: rig.listening.port })).rejects.toMatchObject({
    code: "SERVER_LISTEN_FAILED",
  });
  const wrong = { tlsPort: 0, tlsCert: "/nonexistent", tlsKey: key };
  await expect(serveRedis({ ...base, ...wrong })).rejects.toMatchObject({
    code: "SERVER_TLS_INVALID",
  });
});
