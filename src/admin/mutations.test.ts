// Goal: a change happens once for its request id, whoever asks how often; the caller waits a
// bounded time and is then told what is known; what must be so is so before anything is proposed.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { systemRandom } from "../platform/random.ts";
import { type AdminClient, connectAdmin } from "./client.ts";
import { passGate, sidecarProbe } from "./gate.ts";
import { Mutations, mutationLimits } from "./mutations.ts";
import { NodeDouble } from "./testing/double.ts";
import { disk, openTestPort, type TestPort } from "./testing/port.ts";

const limits = { waitMsMax: 200, runningMax: 2, rememberedMax: 3 };
const id = (digit: string): string => digit.repeat(32);
let port: TestPort | null = null;

afterEach(async () => {
  await port?.close();
  port = null;
});

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "done",
    (error) => (error as StrongroomError).code,
  );

function gated<T>(value: T): { work: () => Promise<T>; open: () => void; runs: () => number } {
  let [open, runs] = [() => {}, 0];
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const work = async () => {
    runs++;
    await gate;
    return value;
  };
  return { work, open: () => open(), runs: () => runs };
}

test("mutations: one id runs once, while it is under way and after it", async () => {
  const mutations = new Mutations(systemRandom, limits);
  const { work, open, runs } = gated(7);
  const all = [1, 2, 3].map(() => mutations.run(id("a"), "rotate", work));
  open();
  expect(await Promise.all(all)).toEqual([7, 7, 7]);
  expect(await mutations.run(id("a"), "rotate", work)).toBe(7);
  expect(runs()).toBe(1);
});

test("mutations: an id stands for one change", async () => {
  const mutations = new Mutations(systemRandom, limits);
  await mutations.run(id("a"), "rotate storage", async () => 1);
  const other = mutations.run(id("a"), "rotate log", async () => 2);
  expect(await codeOf(other)).toBe("ADMIN_REQUEST_ID_REUSED");
});

test("mutations: late is unknown; the same id then learns the outcome", async () => {
  const mutations = new Mutations(systemRandom, limits);
  const { work, open, runs } = gated(7);
  const error = await mutations.run(id("a"), "x", work).catch((caught: unknown) => caught);
  expect((error as StrongroomError).code).toBe("ADMIN_OUTCOME_UNKNOWN");
  expect((error as StrongroomError).message).toContain(id("a"));
  const again = mutations.run(id("a"), "x", work);
  open();
  expect(await again).toBe(7);
  expect(runs()).toBe(1);
});

test("mutations: a failure is forgotten, so that the same id may try again", async () => {
  const mutations = new Mutations(systemRandom, limits);
  const failing = async () => {
    throw new StrongroomError("ADMIN_GATE_KEK_MISSING");
  };
  expect(await codeOf(mutations.run(id("a"), "x", failing))).toBe("ADMIN_GATE_KEK_MISSING");
  expect(await mutations.run(id("a"), "x", async () => 1)).toBe(1);
});

test("mutations: as many at once as allowed; those that never end keep their place", async () => {
  const mutations = new Mutations(systemRandom, limits);
  const stuck = gated(1);
  for (const digit of ["a", "b"])
    expect(await codeOf(mutations.run(id(digit), "x", stuck.work))).toBe("ADMIN_OUTCOME_UNKNOWN");
  expect(await codeOf(mutations.run(id("c"), "x", async () => 1))).toBe("ADMIN_BUSY");
  stuck.open();
  await expect.poll(() => codeOf(mutations.run(id("c"), "x", async () => 1))).toBe("done");
});

test("mutations: remembers a bounded number of outcomes, the newest", async () => {
  const mutations = new Mutations(systemRandom, limits);
  for (const digit of ["1", "2", "3", "4", "5"])
    await mutations.run(id(digit), "x", async () => digit);
  expect(await mutations.run(id("5"), "x", async () => "again")).toBe("5");
  expect(await mutations.run(id("1"), "x", async () => "again")).toBe("again");
});

test("mutations: ids are drawn for who has none", () => {
  const mutations = new Mutations(systemRandom, mutationLimits);
  const drawn = new Set([1, 2, 3].map(() => mutations.idOf("")));
  expect(drawn.size).toBe(3);
  for (const one of drawn) expect(mutations.idOf(one)).toBe(one);
});

test("mutations: over the wire a late change answers with its id, and happens once", async () => {
  port = await openTestPort({ limits });
  const client = connectAdmin({ url: port.url, token: port.token });
  let open = () => {};
  port.node.gate = new Promise((resolve) => {
    open = resolve;
  });
  const error = await client.rotate("log", 0, id("9")).catch((caught: unknown) => caught);
  expect((error as StrongroomError).code).toBe("ADMIN_OUTCOME_UNKNOWN");
  expect((error as StrongroomError).message).toContain(id("9"));
  const both = [client.rotate("log", 0, id("9")), client.rotate("log", 0, id("9"))];
  await new Promise((resolve) => setTimeout(resolve, 20));
  open();
  const [one, other] = await Promise.all(both);
  expect(one).toEqual(other);
  expect(port.node.calls.filter(([name]) => name === "rotate")).toHaveLength(1);
  expect(await codeOf(client.rotate("storage", 0, id("9")))).toBe("ADMIN_REQUEST_ID_REUSED");
});

const changes: Record<string, (client: AdminClient) => Promise<unknown>> = {
  rotate: (client) => client.rotate("log"),
  registerWriter: (client) => client.registerWriter(),
  addKek: (client) => client.addKek("env:K"),
  removeKek: (client) => client.removeKek("file:1"),
  replaceKek: (client) => client.replaceKek("file:1", "env:K"),
  fence: (client) => client.fence(1),
  retire: (client) => client.retire(1),
  skip: (client) => client.skip(9, "why"),
  startRewrite: (client) => client.startRewrite(1),
  pauseRewrite: (client) => client.pauseRewrite(1),
  resumeRewrite: (client) => client.resumeRewrite(1),
  throttleRewrite: (client) => client.throttleRewrite(1, 1),
  cancelRewrite: (client) => client.cancelRewrite(1),
  resync: (client) => client.resync(true),
};
const firsts: Record<string, (client: AdminClient) => Promise<unknown>> = {
  bootstrap: (client) => client.bootstrap(),
  enableStorage: (client) => client.enableStorage(),
  enableLog: (client) => client.enableLog(),
};

test("gate: every change tells the condition that is missing; the node is not asked", async () => {
  let broken = false;
  const probe = async () => {
    if (broken) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  port = await openTestPort({ probe });
  const { node } = port;
  const client = connectAdmin({ url: port.url, token: port.token });
  for (const [name, change] of Object.entries({ ...changes, ...firsts })) {
    const told: string[] = [];
    node.kekConfigured = false;
    told.push(await codeOf(change(client)));
    node.kekConfigured = true;
    broken = true;
    told.push(await codeOf(change(client)));
    broken = false;
    node.bootstrapped = false;
    if (name in changes) told.push(await codeOf(change(client)));
    node.bootstrapped = true;
    const wanted = ["ADMIN_GATE_KEK_MISSING", "ADMIN_GATE_SIDECAR_UNUSABLE"];
    if (name in changes) wanted.push("ADMIN_GATE_ENCRYPTION_OFF");
    expect([name, told]).toEqual([name, wanted]);
  }
  expect(node.calls).toEqual([]);
});

test("gate: the first keys come while there are none; reading needs nothing", async () => {
  const probe = async () => {};
  port = await openTestPort({ probe });
  port.node.bootstrapped = false;
  const client = connectAdmin({ url: port.url, token: port.token });
  for (const change of Object.values(firsts)) expect(await codeOf(change(client))).toBe("done");
  port.node.kekConfigured = false;
  const reads = [
    client.status(),
    client.capability(),
    client.history(),
    client.probeKeks(),
    client.proof(1),
    client.resync(false),
    client.checkpoint(),
  ];
  for (const read of reads) expect(await codeOf(read)).toBe("done");
});

test("gate: the probe writes for real", async () => {
  const directory = mkdtempSync(join(tmpdir(), "probe-"));
  const node = new NodeDouble();
  const pass = (at: string) => passGate(node, sidecarProbe(disk, at), "keys");
  await pass(directory);
  expect(disk.list(directory)).toEqual([]);
  await expect(pass(join(directory, "missing"))).rejects.toThrow(
    /ADMIN_GATE_SIDECAR_UNUSABLE\] ENOENT/,
  );
  writeFileSync(join(directory, "file"), "");
  await expect(pass(join(directory, "file"))).rejects.toThrow(/ADMIN_GATE_SIDECAR_UNUSABLE/);
  rmSync(directory, { recursive: true });
});
