// Goal: what the node offers arrives at a client as it is, refusals as their codes, and what a
// killed node left behind is told as "not running".
import { cpSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { type AdminClient, connectAdmin, findNode } from "./client.ts";
import { clearRunFile, readRunFile, tokenFile, writeRunFile } from "./runfile.ts";
import { nodeStatus } from "./testing/double.ts";
import { disk, openTestPort, type TestPort } from "./testing/port.ts";

let port: TestPort;
let client: AdminClient;

beforeEach(async () => {
  port = await openTestPort();
  client = connectAdmin(findNode(disk, port.directory));
});

afterEach(() => port.close());

const id = (digit: string): string => digit.repeat(32);

const errorOf = (promise: Promise<unknown>): Promise<StrongroomError> =>
  promise.then(
    () => new StrongroomError("CONFIG_INVALID", "no error"),
    (error) => error as StrongroomError,
  );
const codeOf = async (promise: Promise<unknown>) => (await errorOf(promise)).code;

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of stream) found.push(one);
  return found;
}

test("admin: what is read arrives as the node tells it", async () => {
  const { node } = port;
  await node.startRewrite("r", 1, 7);
  expect(await client.status()).toEqual({ node: nodeStatus, keyring: node.keyring() });
  expect(await client.capability()).toEqual(node.capability());
  expect(await client.history()).toEqual(node.history());
  expect(await client.probeKeks()).toEqual(node.keyring().keks);
  for (const clean of [true, false]) {
    node.clean = clean;
    expect(await client.proof(1)).toEqual(await node.proof(1));
  }
});

test("admin: every change reaches the node with its request id and answers with it", async () => {
  const { node } = port;
  const changes: [keyof AdminClient, unknown[], unknown[]][] = [
    ["bootstrap", [], ["bootstrap"]],
    ["enableStorage", [], ["enableStorage"]],
    ["enableLog", [], ["enableLog"]],
    ["rotate", ["log", 2], ["rotate", "log", 2]],
    ["registerWriter", [], ["registerWriter"]],
    ["addKek", ["file:/new"], ["addKek", "file:/new"]],
    ["removeKek", ["file:00112233"], ["removeKek", "file:00112233"]],
    ["replaceKek", ["file:00112233", "env:K"], ["replaceKek", "file:00112233", "env:K"]],
    ["fence", [4], ["fence", 4]],
    ["retire", [4], ["retire", 4]],
    ["skip", [9, "a bad disk"], ["skip", 9, "a bad disk"]],
  ];
  for (const [at, [method, given, [name, ...asked]]] of changes.entries()) {
    const requestId = at.toString(16).padStart(32, "0");
    const call = client[method] as (...args: unknown[]) => Promise<unknown>;
    const index = node.index + 1;
    const done = await call(...given, requestId);
    expect(done).toMatchObject({ appliedIndex: index, changed: true, requestId });
    expect(node.calls.at(-1)).toEqual([name, requestId, ...asked]);
  }
  expect(await client.rotate("storage")).toMatchObject({ keyId: node.active.storage });
  expect(await client.addKek("env:K")).toMatchObject({ kekId: "file:44556677" });
});

test("admin: a rewrite is led and watched to its end", async () => {
  const { node } = port;
  const begun = await client.startRewrite(1, 5000);
  expect(begun.rewrite).toMatchObject({ keyId: 1, state: "running", bytesPerSecond: 5000 });
  const watched = all(client.watchRewrite(1));
  await client.throttleRewrite(1, 0);
  expect(node.calls.at(-1)).toEqual(["throttleRewrite", expect.any(String), 1, 0]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await client.pauseRewrite(1)).rewrite.state).toBe("paused");
  expect((await client.resumeRewrite(1)).rewrite.state).toBe("running");
  expect((await client.cancelRewrite(1)).rewrite.state).toBe("cancelled");
  expect((await watched).at(-1)?.state).toBe("cancelled");
  await client.startRewrite(0);
  expect(node.calls.at(-1)).toEqual(["startRewrite", expect.any(String), 0, 16 * 2 ** 20]);
  expect(await codeOf(all(client.watchRewrite(77)))).toBe("ADMIN_REQUEST_INVALID");
});

test("admin: a verification tells its progress and its end", async () => {
  const step = { records: 1, entries: 0, bytes: 10, bytesTotal: 20, failures: 0, clean: false };
  const finding = { code: "CRYPTO_TAG_MISMATCH", place: "segment 4 at offset 4096" };
  port.node.progress = [
    { ...step, phase: "store", findings: [] },
    { ...step, phase: "done", failures: 1, findings: [finding] },
  ];
  expect(await all(client.verify(123))).toEqual(port.node.progress);
  expect(port.node.calls.at(-1)).toEqual(["verify", 123]);
});

test("admin: one verification at a time, and it ends with its caller", async () => {
  const { node } = port;
  const step = { records: 0, entries: 0, bytes: 0, bytesTotal: 0, failures: 0, clean: false };
  node.progress = Array.from({ length: 3 }, () => ({ ...step, phase: "store", findings: [] }));
  let release = () => {};
  node.gate = new Promise((resolve) => {
    release = resolve;
  });
  const abort = new AbortController();
  const first = errorOf(all(client.verify(0, abort.signal)));
  await expect.poll(() => node.calls.length).toBe(1);
  expect(await codeOf(all(client.verify(0)))).toBe("ADMIN_BUSY");
  abort.abort();
  await first;
  release();
  await expect.poll(() => all(client.verify(0)).catch(() => [])).toHaveLength(3);
});

test("admin: resync explains, and mends only when it is told to", async () => {
  const steps = ["write the sidecar from the store"];
  expect(await client.resync(false)).toMatchObject({ steps, done: false });
  expect(await client.resync(true)).toMatchObject({ steps, done: true, changed: true });
});

test("admin: a refusal of the node arrives with its code and detail", async () => {
  port.node.failure = new StrongroomError("NODE_HALTED", "entry 5; cause");
  const error = await errorOf(client.rotate("log"));
  expect(error.code).toBe("NODE_HALTED");
  expect(error.message).toBe(port.node.failure.message);
});

test("admin: a defect of the node tells no text of its own", async () => {
  port.node.failure = new Error("holds a secret value");
  const error = await errorOf(client.rotate("log"));
  expect(error.code).toBe("ADMIN_INTERNAL");
  expect(`${error.message}${JSON.stringify(error.cause)}`).not.toContain("secret value");
});

test("admin: requests that make no sense are refused before the node is asked", async () => {
  const asked = port.node.calls.length;
  for (const odd of ["", "A".repeat(32), id("g"), id("a").slice(1), `${id("a")}0`])
    if (odd !== "") expect(await codeOf(client.fence(4, odd))).toBe("ADMIN_REQUEST_INVALID");
  expect(await codeOf(client.rotate("index" as "log"))).toBe("ADMIN_REQUEST_INVALID");
  expect(await codeOf(client.addKek(""))).toBe("ADMIN_REQUEST_INVALID");
  expect(await codeOf(client.addKek("x".repeat(5000)))).toBe("ADMIN_REQUEST_INVALID");
  expect(await codeOf(client.skip(4, ""))).toBe("ADMIN_REQUEST_INVALID");
  expect(port.node.calls.length).toBe(asked);
});

test("admin: run files are the owner's alone", () => {
  for (const path of [tokenFile(port.directory), join(port.directory, "run", "node.json")])
    expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(port.directory, "run")).mode & 0o777).toBe(0o700);
});

test("admin: what a killed node left behind means not running", async () => {
  const { directory, url } = port;
  const run = { pid: process.pid, url, nodeId: "n", keks: ["file:/k"] };
  await port.server.close();
  expect(await codeOf(client.status())).toBe("ADMIN_NOT_RUNNING");
  expect(await codeOf(client.rotate("log"))).toBe("ADMIN_NOT_RUNNING");

  const stranger = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const other = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  writeRunFile(disk, directory, { ...run, url: other });
  expect(await codeOf(connectAdmin(findNode(disk, directory)).status())).toBe("ADMIN_NOT_RUNNING");
  stranger.closeAllConnections();
  await new Promise((resolve) => stranger.close(resolve));

  clearRunFile(disk, directory, run);
  expect(() => findNode(disk, directory)).toThrow(/ADMIN_NOT_RUNNING/);
  expect(readRunFile(disk, directory)?.keks).toEqual(["file:/k"]);
  writeFileSync(join(directory, "run", "node.json"), "{");
  expect(() => findNode(disk, directory)).toThrow(/ADMIN_NOT_RUNNING/);
  expect(() => findNode(disk, join(directory, "nowhere"))).toThrow(/ADMIN_NOT_RUNNING/);
});

test("admin: a change whose answer is lost has an unknown outcome, not a failed one", async () => {
  port.node.gate = new Promise(() => {});
  const lost = errorOf(client.rotate("log", 0, id("7")));
  await expect.poll(() => port.node.calls.length).toBe(1);
  await port.server.close();
  const error = await lost;
  expect(error.code).toBe("ADMIN_OUTCOME_UNKNOWN");
  expect(error.message).toContain(id("7"));
});

test("admin: the token goes to the loopback in clear, and nowhere else", async () => {
  const run = { pid: 1, nodeId: "n", keks: [] };
  for (const url of [
    "http://10.0.0.1:80",
    "https://127.0.0.1:1",
    "http://127.0.0.1.evil:80",
    "x",
  ]) {
    writeRunFile(disk, port.directory, { ...run, url });
    expect(() => findNode(disk, port.directory)).toThrow(/ADMIN_NOT_RUNNING/);
  }
  const token = port.token;
  expect(() => connectAdmin({ url: "http://example.org:80", token })).toThrow(/CONFIG_INVALID/);
  expect(() => connectAdmin({ url: "nothing", token })).toThrow(/CONFIG_INVALID/);
});

test("admin: a copy of the directory does not lead to the node of the original", () => {
  const copy = `${port.directory}-copy`;
  cpSync(port.directory, copy, { recursive: true });
  try {
    expect(() => findNode(disk, copy)).toThrow(/ADMIN_NOT_RUNNING/);
    expect(readRunFile(disk, copy)?.keks).toEqual(["file:/k"]);
  } finally {
    rmSync(copy, { recursive: true });
  }
});
