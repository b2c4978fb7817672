// Goal: only the owner of the data directory reaches the node, refusals arrive as their codes, and
// what a killed node left behind is told as "not running".
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import type { NodeStatus } from "../node/api.ts";
import { NodeDisk } from "../platform/disk.ts";
import { systemRandom } from "../platform/random.ts";
import { callNode, findNode } from "./client.ts";
import { type AdminServer, serveAdmin } from "./http.ts";
import { clearRunFile, readRunFile, tokenFile, writeRunFile, writeToken } from "./runfile.ts";
import { type AdminBackend, answer, servicePath } from "./service.ts";

const disk = new NodeDisk();
const status = { nodeId: "n", state: "serving" } as unknown as NodeStatus;
let directory: string;
let server: AdminServer | null = null;
let failure: Error | null = null;

const backend: AdminBackend = {
  status: () => status,
  rotate: async (purpose) => {
    if (failure !== null) throw failure;
    return { keyId: purpose === "storage" ? 7 : 8, appliedIndex: 9 };
  },
  checkpoint: async () => {},
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "admin-"));
  failure = null;
});

afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(directory, { recursive: true });
});

async function start() {
  const token = writeToken(disk, systemRandom, directory);
  server = await serveAdmin(backend, token, 0);
  const run = { pid: process.pid, url: server.url, nodeId: "n", keks: ["file:/k"] };
  writeRunFile(disk, directory, run);
  return { token, run };
}

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error) => (error as StrongroomError).code,
  );

test("admin: the node is found by its directory and answers", async () => {
  await start();
  const address = findNode(disk, directory);
  expect(await callNode(address, "GetStatus")).toEqual(status);
  expect(await callNode(address, "RotateKey", { purpose: "log" })).toEqual({
    keyId: 8,
    appliedIndex: 9,
  });
  expect(await callNode(address, "Checkpoint")).toEqual({});
});

test("admin: run files are the owner's alone", async () => {
  await start();
  for (const path of [tokenFile(directory), join(directory, "run", "node.json")])
    expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, "run")).mode & 0o777).toBe(0o700);
});

test("admin: without the token nothing is answered, whatever is asked", async () => {
  const { token } = await start();
  const { url } = findNode(disk, directory);
  for (const wrong of ["", token.slice(1), `${token}0`, token.toUpperCase()])
    expect(await code(callNode({ url, token: wrong }, "GetStatus"))).toBe("ADMIN_UNAUTHENTICATED");
  const response = await fetch(`${url}/anything`);
  expect(response.status).toBe(401);
  expect(await response.text()).not.toContain(token);
});

test("admin: a refusal of the node arrives with its code and detail", async () => {
  await start();
  failure = new StrongroomError("NODE_HALTED", "entry 5; cause");
  const error = await callNode(findNode(disk, directory), "RotateKey", { purpose: "log" }).catch(
    (caught: unknown) => caught,
  );
  expect((error as StrongroomError).code).toBe("NODE_HALTED");
  expect((error as StrongroomError).message).toBe(failure.message);
});

test("admin: an unexpected failure tells no text of its own", async () => {
  await start();
  failure = new Error("holds a secret value");
  const request = { httpMethod: "POST", authorization: "Bearer t", body: '{"purpose":"log"}' };
  const told = await answer(backend, "t", { ...request, path: `${servicePath}RotateKey` });
  expect(told.status).toBe(500);
  expect(JSON.stringify(told)).not.toContain("secret value");
});

test("admin: odd requests are refused", async () => {
  const ask = (path: string, body = "", httpMethod = "POST") =>
    answer(backend, "t", { path, body, httpMethod, authorization: "Bearer t" });
  expect((await ask(`${servicePath}Nothing`)).status).toBe(404);
  expect((await ask("/")).status).toBe(404);
  expect((await ask(`${servicePath}GetStatus`, "", "GET")).status).toBe(404);
  for (const body of ["{", "[]", "null", '{"purpose":"index"}', "{}"])
    expect((await ask(`${servicePath}RotateKey`, body)).status).toBe(400);
  await start();
  const address = findNode(disk, directory);
  const large = await fetch(`${address.url}${servicePath}GetStatus`, {
    method: "POST",
    headers: { authorization: `Bearer ${address.token}` },
    body: "x".repeat(100_000),
  });
  expect(large.status).toBe(413);
});

test("admin: what a killed node left behind means not running", async () => {
  expect(() => findNode(disk, directory)).toThrow(/ADMIN_NOT_RUNNING/);
  const { run } = await start();
  await server?.close();
  server = null;
  expect(await code(callNode(findNode(disk, directory), "GetStatus"))).toBe("ADMIN_NOT_RUNNING");

  const stranger = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  writeRunFile(disk, directory, { ...run, url });
  expect(await code(callNode(findNode(disk, directory), "GetStatus"))).toBe("ADMIN_NOT_RUNNING");
  stranger.closeAllConnections();
  await new Promise((resolve) => stranger.close(resolve));

  clearRunFile(disk, directory, run);
  expect(() => findNode(disk, directory)).toThrow(/ADMIN_NOT_RUNNING/);
  expect(readRunFile(disk, directory)?.keks).toEqual(["file:/k"]);
  writeFileSync(join(directory, "run", "node.json"), "{");
  expect(() => findNode(disk, directory)).toThrow(/ADMIN_NOT_RUNNING/);
});

test("admin: an address beyond the loopback in the file is not called", async () => {
  const { run } = await start();
  writeRunFile(disk, directory, { ...run, url: "http://10.0.0.1:80" });
  expect(() => findNode(disk, directory)).toThrow(/ADMIN_NOT_RUNNING/);
});

test("admin: a copy of the directory does not lead to the node of the original", async () => {
  await start();
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true });
  try {
    expect(() => findNode(disk, copy)).toThrow(/ADMIN_NOT_RUNNING/);
    expect(readRunFile(disk, copy)?.keks).toEqual(["file:/k"]);
  } finally {
    rmSync(copy, { recursive: true });
  }
});
