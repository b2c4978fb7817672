// Goal: an operator runs the whole life of keys on a serving node; each change happens once however
// often it is asked for, also after a restart; what is unsafe is refused with its reason.
// Method: a node over a disk in memory, KEKs in the process that fail on demand.
import { expect, test } from "vitest";
import type { TestKek } from "../../control/testing/world.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { NodeOptions } from "../api.ts";
import { fresh, openTestNode, type TestNode } from "../testing/harness.ts";
import { Providers } from "./testing/providers.ts";

let drawn = 0;
const request = (): string => (++drawn).toString(16).padStart(32, "0");

async function start(
  disk: MemoryDisk,
  keks: Providers,
  names: string[],
  options: Partial<NodeOptions> = {},
): Promise<TestNode> {
  return openTestNode(disk, { keks: names, ...options }, { openKek: keks.open });
}

const code = (code: string) => ({ code });

async function fill(node: TestNode, count = 40): Promise<void> {
  for (let n = 0; n < count; n++)
    await node.run("set", `key:${n}`, `value ${n} ${"x".repeat(200)}`);
  await node.node.checkpoint();
}

/** Every file that holds these bytes, raw or as base64 at any alignment. */
function holders(disk: MemoryDisk, bytes: Uint8Array): string[] {
  const inner = Buffer.from(bytes);
  const forms = [0, 1, 2].map((skip) => {
    const text = Buffer.concat([Buffer.alloc(skip), inner]).toString("base64");
    return Buffer.from(text.slice(skip === 0 ? 0 : 4, -4), "latin1");
  });
  return [...disk.contents()]
    .filter(([, content]) => [inner, ...forms].some((form) => content.includes(form)))
    .map(([path]) => path);
}

test("keys: a rotation is done once for a request, on a restarted node too", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  const node = await start(disk, keks, ["test:a"]);
  const id = request();
  const first = await node.node.keys.rotate(id, "storage", 1);
  expect(first).toMatchObject({ keyId: 4, changed: true });
  const again = { keyId: 4, appliedIndex: first.appliedIndex, changed: false };
  expect(await node.node.keys.rotate(id, "storage", 1)).toEqual(again);
  expect(await node.node.keys.rotate(request(), "storage", 1)).toEqual(again);
  await node.node.close();
  const next = await start(disk, keks, ["test:a"]);
  expect(await next.node.keys.rotate(id, "storage", 0)).toEqual(again);
  expect(await next.node.keys.rotate(request(), "log", 0)).toMatchObject({ keyId: 5 });
  expect(next.node.keys.keyring().active).toEqual({ storage: 4, log: 5, index: 3 });
  const told = next.node.keys.history().map(({ kind, keyId }) => `${kind} ${keyId}`);
  expect(told).toEqual([
    "bootstrap 0",
    "enable-storage 0",
    "enable-log 0",
    "add 4",
    "activate 4",
    "add 5",
    "activate 5",
  ]);
  expect(next.node.keys.history().every(({ timeMs }) => timeMs > 0)).toBe(true);
  await next.node.close();
});

test("keys: what is no request id is refused", async () => {
  const node = await start(new MemoryDisk(), new Providers(), ["test:a"]);
  for (const id of ["", "0".repeat(32), "zz".repeat(16), "1".repeat(31)])
    await expect(node.node.keys.fence(id, 1)).rejects.toMatchObject(code("KEY_REQUEST_INVALID"));
  await node.node.close();
});

test("keys: applying a rotation asks no KEK; one that is out of reach fails it alone", async () => {
  const keks = new Providers();
  const node = await start(new MemoryDisk(), keks, ["test:a"]);
  const kek = keks.made.get("test:a") as TestKek;
  let opened = 0;
  const unwrap = kek.unwrap.bind(kek);
  kek.unwrap = async (wrapped, binding) => {
    // It is opened once while it is wrapped, and never again. 2: a log key.
    if (binding[16] === 2) opened++;
    return unwrap(wrapped, binding);
  };
  await node.node.keys.rotate(request(), "log", 0);
  expect(opened).toBe(1);
  kek.down = true;
  await expect(node.node.keys.rotate(request(), "log", 0)).rejects.toMatchObject(
    code("KEK_UNAVAILABLE"),
  );
  expect(await node.run("set", "a", "1")).toBe("+OK\r\n");
  await node.node.close();
});

test("keys: a new load while clients write: fresh epochs, salts and session", async () => {
  const disk = new MemoryDisk();
  const node = await start(disk, new Providers(), ["test:a"]);
  const before = node.node.keys.keyring().writers.find(({ open }) => open);
  const id = request();
  const writes = Array.from({ length: 50 }, (_, n) => node.run("set", `k${n}`, "v"));
  const done = await node.node.keys.registerWriter(id);
  expect(done.changed).toBe(true);
  for (const reply of await Promise.all(writes)) expect(reply).toBe("+OK\r\n");
  const after = node.node.keys.keyring().writers.find(({ open }) => open);
  expect(after).toMatchObject({ keyId: 2, lastSeen: (before?.lastSeen ?? 0) + 1 });
  expect(after?.session).not.toBe(before?.session);
  expect(node.node.keys.capability().localEpochs).toEqual({ "1": 2, "2": 2 });
  expect(await node.node.keys.registerWriter(id)).toEqual({ ...done, changed: false });
  await node.run("set", "after", "1");
  await node.node.close();
  const next = await start(disk, new Providers(), ["test:a"]);
  expect(await next.run("get", "after")).toBe("$1\r\n1\r\n");
  await next.node.close();
});

test("keys: KEKs are added, replaced and removed online; the last that works stays", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  const node = await start(disk, keks, ["test:a"]);
  const { keys } = node.node;
  await expect(keys.removeKek(request(), "test:a")).rejects.toMatchObject(code("KEY_LAST_WRAP"));
  await expect(keys.removeKek(request(), "test:z")).rejects.toMatchObject(code("KEK_NOT_IN_USE"));
  const id = request();
  const added = await keys.addKek(id, "test:b");
  expect(added).toMatchObject({ kekId: "test:b", changed: true });
  expect(await keys.addKek(id, "test:b")).toEqual({ ...added, changed: false });
  await keys.rotate(request(), "storage", 0);
  for (const key of keys.keyring().keys) expect(key.kekIds).toEqual(["test:a", "test:b"]);
  (keks.made.get("test:b") as TestKek).down = true;
  await expect(keys.removeKek(request(), "test:a")).rejects.toMatchObject(code("KEY_LAST_WRAP"));
  (keks.made.get("test:b") as TestKek).down = false;
  expect(await keys.replaceKek(request(), "test:a", "test:c")).toMatchObject({ kekId: "test:c" });
  for (const key of keys.keyring().keys) expect(key.kekIds).toEqual(["test:b", "test:c"]);
  await keys.removeKek(request(), "test:b");
  await fill(node);
  await node.node.close();
  const next = await start(disk, keks, ["test:c"]);
  expect(await next.run("dbsize")).toBe(":40\r\n");
  await next.node.close();
  await expect(start(disk, keks, ["test:a"])).rejects.toMatchObject(code("KEK_WRONG"));
});

test("keys: a node outlives its only KEK: another is added from what memory holds", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  const node = await start(disk, keks, ["test:a"]);
  (keks.made.get("test:a") as { gone?: boolean }).gone = true;
  await node.node.keys.addKek(request(), "test:b");
  expect((await node.node.keys.probeKeks()).map(({ id, healthy }) => [id, healthy])).toEqual([
    ["test:a", false],
    ["test:b", true],
  ]);
  await node.node.keys.removeKek(request(), "test:a");
  await node.node.close();
  const next = await start(disk, keks, ["test:b"]);
  await next.node.close();
});

test.each(["down", "gone"] as const)(
  "keys: with one of two KEKs %s a node starts on the other, and says so",
  async (how) => {
    const disk = new MemoryDisk();
    const keks = new Providers();
    const first = await start(disk, keks, ["test:a", "test:b"]);
    await fill(first, 3);
    await first.node.close();
    (keks.made.get("test:a") as { gone?: boolean; down: boolean })[how] = true;
    const node = await start(disk, keks, ["test:a", "test:b"]);
    expect(await node.run("dbsize")).toBe(":3\r\n");
    await node.node.keys.probeKeks();
    expect(node.node.keys.keyring().keks.map(({ healthy }) => healthy)).toEqual([false, true]);
    await node.node.close();
  },
);

test("keys: a start waits for the only KEK, out of reach, until told to stop", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  await (await start(disk, keks, ["test:a"])).node.close();
  const kek = keks.made.get("test:a") as TestKek;
  kek.down = true;
  setTimeout(() => {
    kek.down = false;
  }, 300);
  const node = await start(disk, keks, ["test:a"]);
  expect(node.alarms.join()).toContain("kek-unavailable");
  await node.node.close();
  kek.down = true;
  let stopping = false;
  setTimeout(() => {
    stopping = true;
  }, 100);
  const deps = { openKek: keks.open, stopping: () => stopping };
  await expect(openTestNode(disk, { keks: ["test:a"] }, deps)).rejects.toMatchObject(
    code("NODE_STOPPING"),
  );
});

test("keys: wraps and configured KEKs that do not fit together are told at start", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  const first = await start(disk, keks, ["test:a"]);
  await first.node.keys.addKek(request(), "test:b");
  await first.node.close();
  const node = await start(disk, keks, ["test:a", "test:c"]);
  expect(node.alarms.filter((alarm) => alarm.startsWith("kek-not-configured"))).toHaveLength(1);
  expect(node.alarms.filter((alarm) => alarm.startsWith("kek-wraps-missing"))).toHaveLength(1);
  await node.node.close();
});

test("keys: a key is retired once nothing is under it; then no file holds its wrap", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  const node = await start(disk, keks, ["test:a"], { cacheBytes: 4 << 20 });
  const { keys } = node.node;
  await fill(node);
  const wraps = new Map<number, Buffer>();
  const sidecar = JSON.parse(disk.readFile("/data/encryption/keys.json").toString());
  for (const [id, key] of Object.entries<{ wraps: { data: string }[] }>(sidecar.keys))
    wraps.set(Number(id), Buffer.from(key.wraps[0]?.data ?? "", "base64"));
  const wrap = (id: number): Buffer => wraps.get(id) as Buffer;
  expect(holders(disk, wrap(1)).length).toBeGreaterThan(0);
  await expect(keys.retire(request(), 1)).rejects.toMatchObject(code("CONTROL_KEY_ACTIVE"));
  await keys.rotate(request(), "storage", 0);
  await keys.startRewrite(fresh(), 1, 1);
  await expect(keys.retire(request(), 1)).rejects.toMatchObject(code("KEY_IN_USE"));
  expect((await keys.proof(1)).clean).toBe(false);
  await keys.throttleRewrite(fresh(), 1, 0);
  while (keys.rewrite(1)?.state !== "done") await new Promise((done) => setTimeout(done, 20));
  expect((await keys.proof(1)).clean).toBe(true);
  const id = request();
  const retired = await keys.retire(id, 1);
  expect(retired.changed).toBe(true);
  expect(await keys.retire(id, 1)).toEqual({ ...retired, changed: false });
  expect(holders(disk, wrap(1))).toEqual([]);
  const proof = await keys.proof(1);
  expect([proof.state, proof.clean, proof.counted.filter(({ count }) => count > 0)]).toEqual([
    "retired",
    true,
    [],
  ]);
  await keys.rotate(request(), "log", 0);
  await keys.retire(request(), 2);
  expect(holders(disk, wrap(2))).toEqual([]);
  expect((await keys.proof(2)).clean).toBe(true);
  expect(keys.keyring().writers.map(({ keyId }) => keyId)).toEqual([4, 5]);
  expect(await node.run("get", "key:7")).toContain("value 7");
  await node.node.close();
  expect(holders(disk, wrap(1)).concat(holders(disk, wrap(2)))).toEqual([]);
  const next = await start(disk, keks, ["test:a"]);
  expect(await next.run("dbsize")).toBe(":40\r\n");
  expect((await next.node.keys.proof(1)).clean).toBe(true);
  await next.node.close();
});
