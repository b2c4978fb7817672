// Goal: the admin port of a whole process: found, let in, repeated after a kill, and with no name
// or value of a client on anything that it tells.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectAdmin, findNode } from "../src/admin/client.ts";
import type { StrongroomError } from "../src/base/errors.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { Server } from "./support/server.ts";

const disk = new NodeDisk();
const canaries = ["alice@example.org", "s3cret-value", "channel-of-bob", "nick-of-carol"];

const clientOf = (server: Server) => connectAdmin(findNode(disk, server.dataDir));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error) => (error as StrongroomError).code,
  );

test("admin port: metrics and status tell no name and no value, whatever clients do", async () => {
  const server = await new Server().start();
  const client = await server.client();
  const [name, value, channel, nick] = canaries as [string, string, string, string];
  await client.call("CLIENT", "SETNAME", nick);
  for (let n = 0; n < 200; n++) await client.call("SET", `${name}:${n}`, `${value}:${n}`);
  for (let n = 0; n < 300; n++) await client.call("GET", `${name}:${n}`);
  await client.call("PUBLISH", channel, value);
  await client.send(name, value).catch(() => {});
  await client.send("LPUSH", name, value).catch(() => {});
  await client.call("EXPIRE", `${name}:1`, "1");
  const admin = clientOf(server);
  await admin.checkpoint();
  const { url } = findNode(disk, server.dataDir);
  const pages = ["/metrics", "/readyz", "/healthz"].map((path) => fetch(`${url}${path}`));
  const texts = await Promise.all(pages.map(async (page) => (await page).text()));
  texts.push(JSON.stringify([await admin.status(), await admin.history(), await admin.proof(1)]));
  for (const text of texts) for (const canary of canaries) expect(text).not.toContain(canary);
  const [metrics] = texts as [string];
  expect(metrics).toMatch(/^strongroom_commands_total\{command="set"\} 200$/m);
  expect(metrics).toMatch(/^strongroom_command_duration_seconds_count\{kind="write"\} [1-9]/m);
  expect(metrics).toMatch(/^strongroom_encryption_seals_total\{surface="log"\} [1-9]/m);
  expect(metrics).toMatch(/^process_resident_memory_bytes [1-9]/m);
  const bytes =
    /^strongroom_encryption_key_bytes\{key_id="1",purpose="storage",state="active"\} (\d+)$/m;
  expect(Number(bytes.exec(metrics)?.[1])).toBeGreaterThan(200 * canaries[1]!.length);
  await client.close();
  await server.stop();
});

test("admin port: the token outlives a kill; a change asked for again is made once", async () => {
  const server = await new Server().start();
  const path = join(server.dataDir, "run", "admin.token");
  const token = readFileSync(path, "utf8");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const requestId = "5f0c1b1e7a3f4c77a4d1c6a2a1b0e9d8";
  const done = await clientOf(server).rotate("storage", 0, requestId);
  expect(done).toMatchObject({ keyId: 4, changed: true, requestId });
  await server.kill();
  expect(await codeOf(clientOf(server).status())).toBe("ADMIN_NOT_RUNNING");
  await server.start();
  expect(readFileSync(path, "utf8")).toBe(token);
  const again = await clientOf(server).rotate("storage", 0, requestId);
  expect(again).toEqual({ ...done, changed: false });
  const { keyring } = await clientOf(server).status();
  expect(keyring.active.storage).toBe(4);
  const phases: string[] = [];
  let clean = false;
  for await (const progress of clientOf(server).verify(0)) {
    phases.push(progress.phase);
    clean = progress.clean;
  }
  expect([phases.at(-1), clean]).toEqual(["done", true]);
  await server.stop();
});

test("admin port: a node in clear refuses changes of keys, and says why", async () => {
  const server = await new Server({ flags: ["--encryption", "off"] }).start();
  const admin = clientOf(server);
  expect(await codeOf(admin.rotate("storage"))).toBe("ADMIN_GATE_ENCRYPTION_OFF");
  expect(await codeOf(admin.fence(1))).toBe("ADMIN_GATE_ENCRYPTION_OFF");
  expect((await admin.capability()).kekConfigured).toBe(true);
  await server.stop();
});

test("admin port: beyond the loopback only with TLS; nothing is written before", async () => {
  const server = new Server({ flags: ["--admin-bind", "0.0.0.0"] });
  const { status, output } = await server.refused();
  expect(status).toBe(1);
  expect(output).toContain("[ADMIN_TLS_REQUIRED]");
  expect(existsSync(server.dataDir)).toBe(false);
});

test("admin port: with TLS it is found and believed by its own certificate", async () => {
  const pem = (name: string) => join("src/admin/testdata", `${name}.pem`);
  const tls = ["--admin-tls-cert", pem("server"), "--admin-tls-key", pem("server.key")];
  const flags = ["--admin-bind", "0.0.0.0", ...tls, "--admin-tls-ca", pem("ca")];
  const server = await new Server({ flags }).start();
  const target = findNode(disk, server.dataDir);
  expect(target.url).toMatch(/^https:/);
  expect(await codeOf(clientOf(server).status())).toBe("done");
  const [ca, cert, key] = ["ca", "client", "client.key"].map((name) =>
    readFileSync(pem(name), "latin1"),
  ) as [string, string, string];
  expect(await codeOf(connectAdmin({ url: target.url, ca, cert, key }).status())).toBe("done");
  expect(await codeOf(connectAdmin({ url: target.url, ca }).status())).toBe(
    "ADMIN_UNAUTHENTICATED",
  );
  await server.stop();
});

test("admin port: a token that others can read stops the start", async () => {
  const server = await new Server().start();
  await server.stop();
  const { chmodSync } = await import("node:fs");
  const path = join(server.dataDir, "run", "admin.token");
  chmodSync(path, 0o644);
  const { status, output } = await server.refused();
  expect(status).toBe(1);
  expect(output).toContain("[ADMIN_TOKEN_UNSAFE]");
  chmodSync(path, 0o600);
  await server.start();
  await server.stop();
});
