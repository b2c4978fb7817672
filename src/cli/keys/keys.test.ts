// Goal: each command asks the node for exactly what its words say, in the forms that outside tools
// rely on; what cannot be undone is not asked for without --yes; a lost answer is asked for again
// under the same request id.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tokenFile } from "../../admin/runfile.ts";
import { openTestPort, type TestPort } from "../../admin/testing/port.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { KekInfo } from "../../node/operations.ts";
import { systemClock } from "../../platform/clock.ts";
import { NodeDisk } from "../../platform/disk.ts";
import { systemRandom } from "../../platform/random.ts";
import type { Context } from "../context.ts";
import { type Parts, run } from "../program.ts";
import type { ServedNode } from "../serve.ts";
import { StopRequest } from "../stop.ts";

let port: TestPort;
let home: string;
let out: string[];
let err: string[];
let drawn: string[];

const unused = (): never => {
  throw new Error("not a part of these commands");
};
const parts: Parts<ServedNode> = {
  openNode: unused,
  listen: unused,
  verifyDirectory: unused,
  lockDirectory: unused,
};

function context(): Context {
  return {
    disk: new NodeDisk(),
    random: systemRandom,
    clock: systemClock,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    ...(drawn.length === 0 ? {} : { redraw: (text: string) => drawn.push(text) }),
    environment: {},
    home,
  };
}

function strongroom(...argv: string[]): Promise<number> {
  out = [];
  err = [];
  const stop = new StopRequest();
  return run(argv, { context: context(), parts, stop, version: "0" });
}

function here(...argv: string[]): Promise<number> {
  return strongroom(...argv, "--data-dir", port.directory);
}

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  expect(await here(...argv, "--json")).toBe(0);
  return JSON.parse(out.join("\n")) as Record<string, unknown>;
}

function asked(name: string): unknown[][] {
  return port.node.calls.filter(([called]) => called === name);
}

beforeEach(async () => {
  port = await openTestPort();
  home = mkdtempSync(join(tmpdir(), "keys-"));
  drawn = [];
});

afterEach(async () => {
  await port.close();
  rmSync(home, { recursive: true, force: true });
});

test("status: programs find active keys, and keys with state, bytes and records", async () => {
  const status = await json("keys", "status");
  expect(status.active).toEqual({ storage: 1, log: 2, index: 3 });
  expect(status.keys).toContainEqual(
    expect.objectContaining({ id: 1, purpose: "storage", state: "active", bytes: 10, records: 1 }),
  );
  expect(await here("keys", "status")).toBe(0);
  expect(out.join("\n")).toMatch(/storage 1, log 2, index 3/);
  expect(out.join("\n")).toMatch(/file:00112233 +file +answers/);
});

test("url and token file: the same node without its directory", async () => {
  const token = tokenFile(port.directory);
  const at = ["--url", port.url, "--token-file", token, "--json"];
  expect(await strongroom("keys", "status", ...at)).toBe(0);
  expect(JSON.parse(out.join("\n"))).toHaveProperty("active.storage", 1);
  expect(await strongroom("keys", "status", "--url", port.url)).toBe(1);
  expect(err.join()).toMatch(/CONFIG_INVALID/);
  expect(await strongroom("keys", "status", "--url", "ftp://x", "--token-file", token)).toBe(1);
  expect(await strongroom("keys", "status", "--url", port.url, "--token-file", "/none")).toBe(1);
  expect(err.join()).toMatch(/CONFIG_UNREADABLE/);
});

test("nobody runs: told as such, with status 1", async () => {
  expect(await strongroom("keys", "status", "--data-dir", home)).toBe(1);
  expect(err.join()).toMatch(/^\[ADMIN_NOT_RUNNING\]/);
});

test("history: a table for people, events for programs", async () => {
  expect(await json("keys", "history")).toHaveProperty("events.0.kind", "bootstrap");
  await here("keys", "history");
  expect(out[1]).toMatch(/2023-11-14T22:13:20Z/);
});

test("rotate: the purpose is named; the new key and its entry are told", async () => {
  const rotated = await json("keys", "rotate", "storage");
  expect(rotated).toMatchObject({ keyId: 4, appliedIndex: 6, changed: true });
  expect(asked("rotate")[0]?.slice(2)).toEqual(["storage", 0]);
  await here("keys", "rotate", "log", "--if-active", "2");
  expect(asked("rotate")[1]?.slice(2)).toEqual(["log", 2]);
  for (const wrong of [["index"], ["log", "--if-active", "02"], ["log", "--request-id", "7"]])
    expect(await here("keys", "rotate", ...wrong)).toBe(1);
  expect(await here("keys", "rotate")).toBe(2);
  expect(asked("rotate")).toHaveLength(2);
});

test("request id: a failure keeps it, asking again uses the given one", async () => {
  const id = "0123456789abcdef0123456789abcdef";
  port.node.failure = new StrongroomError("NODE_HALTED");
  expect(await here("keys", "rotate", "log", "--request-id", id)).toBe(1);
  expect(err.join()).toMatch(/NODE_HALTED/);
  expect(asked("rotate")[0]?.[1]).toBe(id);
});

test("request id: an outcome that is not known is asked for again under the same id", async () => {
  port.node.failure = new StrongroomError("ADMIN_OUTCOME_UNKNOWN");
  expect(await here("keys", "rotate", "log")).toBe(1);
  const ids = asked("rotate").map(([, id]) => id);
  expect(new Set(ids).size).toBe(1);
  expect(err.join()).toContain(`--request-id ${String(ids[0])}`);
});

test("rewrap: without a flag it only asks the KEKs", async () => {
  expect(await json("keys", "rewrap")).toHaveProperty("keks.0.healthy", true);
  expect(port.node.calls).toEqual([]);
});

test("rewrap: a KEK that does not answer is told by status 3, and its id once", async () => {
  const [kek] = port.node.keyring().keks;
  const reason = `[KEK_UNAVAILABLE] ${kek?.id}: ECONNREFUSED`;
  port.node.probeKeks = async () => [{ ...(kek as KekInfo), healthy: false, reason }];
  expect(await here("keys", "rewrap")).toBe(3);
  expect(out[1]).toMatch(/^file:00112233 +file +FAILS: \[KEK_UNAVAILABLE\] ECONNREFUSED/);
});

test("status: a KEK that wraps keys and is not configured is named, with its letter", async () => {
  const { keyring } = port.node;
  const told = keyring.call(port.node);
  const keys = told.keys.map((key) => ({ ...key, kekIds: [...key.kekIds, "gone:kek"] }));
  port.node.keyring = () => ({ ...told, keys });
  await here("keys", "status");
  const text = out.join("\n");
  expect(text).toMatch(/ storage .* A B /);
  expect(text).toMatch(/^B {2}gone:kek +- +wraps keys, not configured here/m);
});

test("rewrap: add, remove, replace; nothing is destroyed without --yes", async () => {
  expect(await json("keys", "rewrap", "--add", "file:/b")).toHaveProperty("kekId");
  expect(await here("keys", "rewrap", "--remove", "file:a")).toBe(1);
  expect(err.join()).toMatch(/CONFIRMATION_MISSING/);
  expect(await here("keys", "rewrap", "--replace", "file:a", "--by", "file:/b")).toBe(1);
  expect(port.node.calls.map(([name]) => name)).toEqual(["addKek"]);
  expect(await here("keys", "rewrap", "--remove", "file:a", "--yes")).toBe(0);
  expect(await here("keys", "rewrap", "--replace", "file:a", "--by", "file:/b", "--yes")).toBe(0);
  expect(asked("replaceKek")[0]?.slice(2)).toEqual(["file:a", "file:/b"]);
  expect(await here("keys", "rewrap", "--replace", "file:a")).toBe(1);
  expect(await here("keys", "rewrap", "--add", "file:/b", "--remove", "file:a")).toBe(1);
});

test("fence, retire, skip: only with --yes", async () => {
  for (const words of [
    ["fence", "1"],
    ["retire", "1"],
    ["skip", "9", "--reason", "damaged"],
  ]) {
    expect(await here("keys", ...words)).toBe(1);
    expect(err.join()).toMatch(/CONFIRMATION_MISSING.*--yes/);
    expect(await here("keys", ...words, "--yes")).toBe(0);
  }
  expect(port.node.calls.map(([name]) => name)).toEqual(["fence", "retire", "skip"]);
  expect(asked("skip")[0]?.slice(2)).toEqual([9, "damaged"]);
  expect(out.at(-1)).toBe("the node serves again");
  port.node.nodeState = { ...port.node.nodeState, state: "halted" };
  await here("keys", "skip", "9", "--reason", "damaged", "--yes");
  expect(out.at(-1)).toMatch(/still halted: restart it/);
  for (const id of ["0", "1x", "4294967296"])
    expect(await here("keys", "retire", id, "--yes")).toBe(1);
});

test("proof: clean is status 0, otherwise 3; it is kept in a new file on demand", async () => {
  const file = join(home, "proof.json");
  const proof = await json("keys", "proof", "1", "--out", file);
  expect(proof).toMatchObject({ clean: true, counted: [{ surface: "store segment", count: 0 }] });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(proof);
  expect(await here("keys", "proof", "1", "--out", file)).toBe(1);
  port.node.clean = false;
  expect(await here("keys", "proof", "1")).toBe(3);
  expect(out.join("\n")).toMatch(/NOT CLEAN/);
});

test("rewrite: start, change of speed while it runs, pause, resume, cancel", async () => {
  await json("keys", "rewrite", "1");
  expect(asked("startRewrite")).toHaveLength(1);
  await json("keys", "rewrite", "1", "--throttle", "20mb");
  expect(asked("throttleRewrite")).toEqual([
    ["throttleRewrite", expect.any(String), 1, 20 * 2 ** 20],
  ]);
  for (const verb of ["pause", "resume", "cancel"]) await json("keys", "rewrite", "1", `--${verb}`);
  expect(asked("cancelRewrite")).toEqual([["cancelRewrite", expect.any(String), 1]]);
  expect(await here("keys", "rewrite", "1", "--pause", "--resume")).toBe(1);
  await json("keys", "rewrite", "0", "--throttle", "0");
  expect(asked("startRewrite")[1]).toEqual(["startRewrite", expect.any(String), 0, 0]);
});

test("rewrite --wait: shows progress, and ends with the rewrite", async () => {
  drawn = [""];
  const ended = here("keys", "rewrite", "1", "--wait");
  await expect.poll(() => port.node.rewriting?.state).toBe("running");
  const running = port.node.rewriting as NonNullable<typeof port.node.rewriting>;
  port.node.rewriting = { ...running, bytesDone: 500 };
  await expect.poll(() => drawn.join("")).toMatch(/\r\[#{15}\.{15}\] {2}50%/);
  port.node.rewriting = { ...running, bytesDone: 1000, state: "done" };
  expect(await ended).toBe(0);
  expect(out.join()).toMatch(/rewrite of key 1: done, 100 %/);
});

test("resync: explains first, does it on demand", async () => {
  await here("keys", "resync");
  expect(out).toEqual([expect.stringMatching(/^1\. /), expect.stringMatching(/--apply/)]);
  await here("keys", "resync", "--apply");
  expect(asked("resync")).toEqual([
    ["resync", expect.any(String), false],
    ["resync", expect.any(String), true],
  ]);
});

test("encryption: each step is one request; capability changes nothing", async () => {
  expect(await json("encryption", "capability")).toMatchObject({ encryptionCapable: true });
  expect(port.node.calls).toEqual([]);
  for (const step of ["bootstrap", "enable-storage", "enable-log"])
    expect(await json("encryption", step)).toHaveProperty("appliedIndex");
  expect(port.node.calls.map(([name]) => name)).toEqual([
    "bootstrap",
    "enableStorage",
    "enableLog",
  ]);
});
