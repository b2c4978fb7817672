// Goal: whatever moment the machine stops at while keys are changed, the next start serves, nothing
// acknowledged is lost, and the same request again completes the change, once.
// Method: a disk in memory that stops at the n-th operation, with every fate of what was not
// synced; after each stop a restart, a comparison and a repetition.
import { expect, test, vi } from "vitest";
import { chooser } from "../../platform/testing/chooser.ts";
import { type CrashVariant, MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { ControlHost } from "../controlhost.ts";
import type { KeyOperations } from "../operations.ts";
import { fresh, openTestNode, type TestNode, until } from "../testing/harness.ts";
import { Rotation } from "./rotation.ts";
import { Providers } from "./testing/providers.ts";

type Mutation = (keys: KeyOperations, request: string) => Promise<{ appliedIndex: number }>;

const oldest = (keys: KeyOperations, purpose: string): number =>
  keys.keyring().keys.find((key) => key.purpose === purpose && key.state !== "retired")?.id ?? 0;

/** Retires the oldest key of a purpose, which a rotation has just made old. */
const retireOldest = (purpose: "storage" | "log"): Mutation => {
  const chosen = new Map<string, number>();
  return async (keys, request) => {
    const id = chosen.get(request) ?? oldest(keys, purpose);
    chosen.set(request, id);
    const rotation = `${request.slice(0, 31)}f`;
    if (keys.keyring().active[purpose] === id) await keys.rotate(rotation, purpose, id);
    if (purpose === "storage") {
      await keys.startRewrite(fresh(), id, 0);
      // On a disk that has stopped it never ends.
      for (let turn = 0; keys.rewrite(id)?.state === "running"; turn++) {
        if (turn > 1000) throw new Error("the rewrite does not end");
        await new Promise((done) => setTimeout(done, 5));
      }
    }
    return keys.retire(request, id);
  };
};

const mutations: readonly Mutation[] = [
  (keys, request) => keys.rotate(request, "storage", 0),
  (keys, request) => keys.rotate(request, "log", 0),
  (keys, request) => keys.registerWriter(request),
  (keys, request) => keys.addKek(request, "test:b"),
  (keys, request) => keys.removeKek(request, "test:b"),
  (keys, request) => keys.replaceKek(request, "test:b", "test:c"),
  retireOldest("storage"),
  retireOldest("log"),
];

const refused = ["KEK_NOT_IN_USE", "KEY_LAST_WRAP", "KEY_IN_USE", "KEK_SPEC_INVALID"];

const fates: readonly ((random: () => number) => CrashVariant)[] = [
  () => ({ kind: "kept" }),
  () => ({ kind: "dropped" }),
  (random) => ({ kind: "torn", seed: Math.floor(random() * 1e9) }),
];

async function check(node: TestNode, written: ReadonlyMap<string, string>): Promise<void> {
  expect(node.node.status().state).toBe("serving");
  for (const [key, value] of written)
    expect(await node.run("get", key)).toBe(`$${value.length}\r\n${value}\r\n`);
  const asked = node.node.keys.history().map(({ index }) => index);
  expect(asked).toEqual([...new Set(asked)].sort((one, other) => one - other));
}

async function lives(seed: number, mutation: Mutation, rounds: number): Promise<void> {
  const random = chooser(seed);
  const keks = new Providers();
  const names = ["test:a", "test:b", "test:c"];
  const written = new Map<string, string>();
  let disk = new MemoryDisk();
  let request = "";
  for (let round = 0; round < rounds; round++) {
    if (request === "") request = `${seed.toString(16)}${round}`.padStart(31, "a").concat("1");
    let node: TestNode | null = null;
    const open = () => openTestNode(disk, { keks: names }, { openKek: keks.open });
    try {
      node = await open();
      await check(node, written);
      for (let n = 0; n < 8; n++) {
        const [key, value] = [`k${Math.floor(random() * 20)}`, `${round}-${n}`];
        if ((await node.run("set", key, value)) === "+OK\r\n") written.set(key, value);
      }
      disk.stopAfter(1 + Math.floor(random() ** 2 * 90));
      const first = await mutation(node.node.keys, request);
      const again = await mutation(node.node.keys, request);
      expect(again.appliedIndex).toBe(first.appliedIndex);
      request = "";
    } catch (error) {
      const coded = (error as { code?: string }).code ?? "";
      if (refused.includes(coded)) request = "";
      else if (!disk.crashed) throw error;
    }
    const after = disk.fork((fates[Math.floor(random() * 3)] as (typeof fates)[number])(random));
    // What is left of the old life works on its own disk, as a process that is gone.
    disk.stopAfter(0);
    void node?.node.close().catch(() => {});
    disk = after;
  }
  const node = await openTestNode(disk, { keks: names }, { openKek: keks.open });
  await check(node, written);
  await node.node.close();
}

test.each(mutations.map((mutation, nth) => [nth, mutation] as const))(
  "keys: a change of keys survives a stop at any operation and is done once (%i)",
  async (nth, mutation) => {
    await lives(100 + nth, mutation, 8);
  },
  120_000,
);

/** Copies the disk once a rotation that `ask` begins has added its key and made nothing of it. */
async function killedHalfWay(
  disk: MemoryDisk,
  node: TestNode,
  ask: () => unknown,
): Promise<MemoryDisk> {
  const activate = vi.spyOn(Rotation.prototype as unknown as { activate: () => never }, "activate");
  activate.mockRejectedValue(new Error("killed") as never);
  try {
    await ask();
    await until(() => activate.mock.calls.length > 0);
    const killed = disk.fork({ kind: "kept" });
    await node.node.close();
    return killed;
  } finally {
    activate.mockRestore();
  }
}

const storageKeys = (node: TestNode): string[] =>
  node.node.keys
    .keyring()
    .keys.filter(({ purpose }) => purpose === "storage")
    .map(({ id, state }) => `${id} ${state}`)
    .sort();

test("keys: a rotation whose key another one has activated is still done, once", async () => {
  const request = fresh();
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  const killed = await killedHalfWay(disk, first, () =>
    first.node.keys.rotate(request, "storage", 0).catch(() => {}),
  );
  const node = await openTestNode(killed);
  const { keys } = node.node;
  expect(storageKeys(node)).toEqual(["1 active", "4 decrypt-only"]);
  expect(await keys.rotate(fresh(), "storage", 0)).toMatchObject({ keyId: 4, changed: true });
  const rotated = await keys.rotate(request, "storage", 0);
  expect(rotated).toMatchObject({ keyId: 5, changed: true });
  expect(await keys.rotate(request, "storage", 0)).toEqual({ ...rotated, changed: false });
  expect(storageKeys(node)).toEqual(["1 decrypt-only", "4 decrypt-only", "5 active"]);
  expect(await node.run("set", "k", "v")).toBe("+OK\r\n");
  await node.node.close();
  const next = await openTestNode(killed);
  expect(await next.node.keys.rotate(request, "storage", 0)).toEqual({
    ...rotated,
    changed: false,
  });
  await next.node.close();
});

test("keys: a rotation of a policy whose key was fenced half way is still done", async () => {
  let aheadMs = 0;
  const clock = {
    nowMs: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    sinceBootMs: () => performance.now() + aheadMs,
  };
  const disk = new MemoryDisk();
  const start = (of: MemoryDisk, ...rotateAfter: string[]) =>
    openTestNode(of, { rotateAfter, clock: "trusted" }, clock);
  await (await start(disk)).node.close();
  aheadMs = 3 * 3_600_000;
  const killed = await killedHalfWay(disk, await start(disk, "storage:2h"), () => {});
  const fencing = await start(killed);
  await fencing.node.keys.fence(fresh(), 4);
  expect(storageKeys(fencing)).toEqual(["1 active", "4 fenced"]);
  await fencing.node.close();
  const node = await start(killed, "storage:2h");
  await until(() => node.node.keys.keyring().active.storage === 5);
  expect(storageKeys(node)).toEqual(["1 decrypt-only", "4 fenced", "5 active"]);
  expect(node.alarms.join()).not.toContain("rotation-failed");
  await node.node.close();
});

test("keys: a DEK that no entry has taken does not stay in memory", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  const { host } = (
    node.node.engine as unknown as { deps: { group: { deps: { host: ControlHost } } } }
  ).deps.group.deps;
  const prepare = vi.spyOn(host, "prepare");
  disk.fail("write", "EIO", 1, (path) => path.includes("/log/"));
  const rotated = node.node.keys.rotate(fresh(), "storage", 0);
  await expect(rotated).rejects.toMatchObject({ code: "LOG_WRITE_FAILED" });
  const raws = prepare.mock.calls.map(([, , raw]) => raw);
  expect(raws.map((raw) => raw.equals(Buffer.alloc(32)))).toEqual([true]);
  await node.node.close().catch(() => {});
});
