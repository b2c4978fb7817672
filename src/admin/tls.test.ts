// Goal: under TLS a certificate of the authority lets its holder in without a token, and nothing
// that only looks like one does; the token is shown to the right server alone.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, expect, test } from "vitest";
import type { StrongroomError } from "../base/errors.ts";
import { AdminService } from "../proto/strongroom/admin/v1/admin_pb.ts";
import { type AdminTarget, connectAdmin, findNode } from "./client.ts";
import { readRunFile, writeRunFile } from "./runfile.ts";
import { disk, openTestPort, type TestPort } from "./testing/port.ts";

const pem = (name: string) =>
  readFileSync(new URL(`testdata/${name}.pem`, import.meta.url), "latin1");
const tls = { cert: Buffer.from(pem("server")), key: Buffer.from(pem("server.key")) };
const mutual = { ...tls, ca: Buffer.from(pem("ca")) };
const operator = { cert: pem("client"), key: pem("client.key") };
const stranger = { cert: pem("stranger"), key: pem("stranger.key") };
const ca = pem("ca");

let port: TestPort;

afterEach(() => port?.close());

const codeOf = (target: AdminTarget) =>
  connectAdmin(target)
    .capability()
    .then(
      () => "answered",
      (error) => (error as StrongroomError).code,
    );

test("tls: beyond the loopback only with TLS", async () => {
  for (const host of ["0.0.0.0", "::", "10.1.2.3", "node.example"])
    await expect(openTestPort({ host })).rejects.toMatchObject({ code: "ADMIN_TLS_REQUIRED" });
  port = await openTestPort({ host: "0.0.0.0", tls });
  expect(port.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(await codeOf({ url: port.url, token: port.token, ca })).toBe("answered");
});

test("tls: files that are none are refused", async () => {
  const bad = { cert: Buffer.from("x"), key: tls.key };
  await expect(openTestPort({ tls: bad })).rejects.toMatchObject({ code: "ADMIN_TLS_INVALID" });
  const other = { cert: tls.cert, key: Buffer.from(stranger.key) };
  await expect(openTestPort({ tls: other })).rejects.toMatchObject({ code: "ADMIN_TLS_INVALID" });
});

test("tls: a certificate of the authority is as good as the token; another is not", async () => {
  port = await openTestPort({ tls: mutual });
  const { url, token } = port;
  expect(await codeOf({ url, ca, ...operator })).toBe("answered");
  expect(await codeOf({ url, ca, token })).toBe("answered");
  expect(await codeOf({ url, ca, ...stranger })).toBe("ADMIN_UNAUTHENTICATED");
  expect(await codeOf({ url, ca, ...stranger, token })).toBe("answered");
  expect(await codeOf({ url, ca })).toBe("ADMIN_UNAUTHENTICATED");
  // The server's own certificate is of the authority, but not one for clients.
  const server = { cert: pem("server"), key: pem("server.key") };
  expect(await codeOf({ url, ca, ...server })).toBe("ADMIN_UNAUTHENTICATED");
});

test("tls: without an authority for clients a certificate counts for nothing", async () => {
  port = await openTestPort({ tls });
  expect(await codeOf({ url: port.url, ca, ...operator })).toBe("ADMIN_UNAUTHENTICATED");
});

test("tls: gRPC with a certificate, over HTTP/2", async () => {
  port = await openTestPort({ tls: mutual });
  const call = (nodeOptions: object) => {
    const transport = createGrpcTransport({
      baseUrl: port.url,
      nodeOptions: { ca, ...nodeOptions },
    });
    return createClient(AdminService, transport).getCapability({});
  };
  expect((await call(operator)).nodeId).toBe("n1");
  const refused = await call(stranger).catch((error: unknown) => ConnectError.from(error).code);
  expect(refused).toBe(Code.Unauthenticated);
});

test("tls: a session resumed without a certificate is nobody's", async () => {
  port = await openTestPort({ tls: mutual });
  const { hostname, port: number } = new URL(port.url);
  const options = { host: hostname, port: Number(number), ca, servername: "localhost" };
  const ask = (socket: TLSSocket) =>
    new Promise<string>((resolve, reject) => {
      let all = "";
      socket.on("data", (data) => {
        all += data.toString("latin1");
        if (all.includes("\r\n\r\n")) resolve(all.slice(0, 12));
      });
      socket.on("error", reject);
      const path = "/strongroom.admin.v1.AdminService/GetCapability";
      const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json`;
      socket.write(`${head}\r\ncontent-length: 2\r\n\r\n{}`);
    });
  const first = connectTls(options);
  const session = new Promise<Buffer>((resolve) => first.once("session", resolve));
  expect(await ask(first)).toBe("HTTP/1.1 401");
  const second = connectTls({ ...options, session: await session });
  expect(await ask(second)).toBe("HTTP/1.1 401");
  expect(second.isSessionReused()).toBe(true);
  for (const socket of [first, second]) socket.destroy();
});

test("tls: a node found by its directory is known by its very certificate", async () => {
  port = await openTestPort({ tls, host: "127.0.0.1" });
  const target = findNode(disk, port.directory);
  expect(await codeOf(target)).toBe("answered");

  // Somebody else at the address, with a good certificate for the name: the token is not shown.
  const run = readRunFile(disk, port.directory);
  if (run === null) throw new Error("no run file");
  writeRunFile(disk, port.directory, { ...run, certificate: pem("client") });
  expect(await codeOf(findNode(disk, port.directory))).toBe("ADMIN_NOT_RUNNING");
  expect(port.node.calls).toEqual([]);
});

test("tls: health of a node on another address needs the token or a certificate", async () => {
  port = await openTestPort({ tls: mutual });
  const get = (options: object) =>
    new Promise<number>((resolve, reject) => {
      request(`${port.url}/healthz`, { ca, agent: false, ...options }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });
  // Who asks from the loopback is answered: this test cannot come from elsewhere.
  expect(await get({})).toBe(200);
  expect(await get(operator)).toBe(200);
});
