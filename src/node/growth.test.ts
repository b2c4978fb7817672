// Goal: what waits for the store fits into one run, whatever clients send and however large the
// cache: batches that change much are closed, wait for each other and for the store.
import { expect, test, vi } from "vitest";
import { Args } from "../commands/args.ts";
import type { CommandSpec } from "../commands/command.ts";
import { set } from "../commands/strings/set.ts";
import { commandNamed } from "../commands/table.ts";
import type { AppendDone, ReplicatedLog } from "../log/log.ts";
import { Rig } from "../machine/testing/rig.ts";
import { systemScheduler } from "../platform/scheduler.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import type { PendingBatch } from "./batch.ts";
import { Flusher } from "./flusher.ts";
import { foretell, Growth } from "./growth.ts";
import type { Client } from "./port.ts";
import { Probe } from "./probe.ts";
import { Proposer } from "./proposer.ts";
import { openTestNode, until } from "./testing/harness.ts";

const half = 512 << 20;

/** Foretold for one command after `stored` bytes were set under "k". */
function foretold(stored: number, name: string, ...words: string[]): number {
  const { databases } = new Rig();
  databases.database(0).setString(Buffer.from("k"), Buffer.alloc(stored));
  const spec = commandNamed(name) as CommandSpec;
  const args = Args.of(...words);
  const growth = new Growth();
  foretell(growth, databases, spec, 0, args, spec.parse(args));
  return growth.bytes;
}

test("growth: a command is foretold by what it reaches and by what stands there", () => {
  expect(foretold(0, "setbit", "k", "4294967295", "1")).toBe(half);
  expect(foretold(0, "setrange", "k", "1000", "abc")).toBe(1003);
  expect(foretold(0, "bitfield", "k", "set", "u8", "8000", "1")).toBe(1001);
  expect(foretold(0, "bitfield", "k", "get", "u8", "8000")).toBe(0);
  expect(foretold(500, "expire", "k", "10")).toBe(500);
  expect(foretold(500, "append", "k", "x")).toBe(500);
  expect(foretold(500, "copy", "k", "other")).toBe(500);
  expect(foretold(500, "rename", "other", "k")).toBe(500);
  expect(foretold(500, "bitop", "or", "dest", "a", "k")).toBe(500);
});

test("growth: copies count each time, changes in place of a large value once", () => {
  for (const [words, bytes] of [
    [["copy", "k", "other", "replace"], 300 << 20],
    [["bitop", "or", "other", "k", "none"], 300 << 20],
    [["expire", "k", "10"], 1 << 20],
  ] as const) {
    const { databases } = new Rig();
    databases.database(0).setString(Buffer.from("k"), Buffer.alloc(1 << 20));
    const [name, ...rest] = words;
    const spec = commandNamed(name) as CommandSpec;
    const args = Args.of(...rest);
    const growth = new Growth();
    for (let n = 0; n < 300; n++) foretell(growth, databases, spec, 0, args, spec.parse(args));
    expect(growth.bytes, name).toBe(bytes);
  }
});

test("growth: three hundred copies of a large value at once are all made", async () => {
  const node = await openTestNode(new MemoryDisk(), { cacheBytes: 1 << 30 });
  await node.run("set", "k", "v".repeat(1 << 20));
  const copies = Array.from({ length: 300 }, (_, n) =>
    node.run("copy", "k", `k${n % 4}`, "replace"),
  );
  expect(new Set(await Promise.all(copies))).toEqual(new Set([":1\r\n"]));
  await node.node.close();
});

test("growth: what replaces or removes values leaves nothing of them", () => {
  expect(foretold(500, "del", "k", "k")).toBe(0);
  expect(foretold(500, "unlink", "k")).toBe(0);
  expect(foretold(500, "mset", "k", "1", "k", "2")).toBe(0);
  expect(foretold(500, "flushall")).toBe(0);
});

test("growth: a large value counts once, as long as it grows to be", () => {
  const growth = new Growth();
  for (let n = 0; n < 100; n++) growth.add(1 << 20, 7);
  expect(growth.bytes).toBe(1 << 20);
  growth.add(3 << 20, 7);
  growth.add(1 << 20, 8);
  growth.add(100, 8);
  growth.add(100, 8);
  expect(growth.bytes).toBe((4 << 20) + 200);
  growth.reset();
  growth.add(1 << 20, 7);
  expect(growth.bytes).toBe(1 << 20);
});

/** A proposer whose batches the test makes durable. */
function rigProposer() {
  const turns: (() => void)[] = [];
  const appended: AppendDone[] = [];
  const state = { crowded: false };
  const log = { append: (_: Uint8Array, done: AppendDone) => void appended.push(done) };
  const proposer: Proposer = new Proposer({
    log: log as unknown as ReplicatedLog,
    clock: { nowMs: () => 1, monotonicMs: () => 1, sinceBootMs: () => 1 },
    sealer: { session: 1n, lastApplied: () => 0, seal: (batch) => batch.payload() },
    defer: (run) => void turns.push(run),
    durable: (batch) => proposer.release(batch as PendingBatch),
    failed: () => {},
    settling: () => false,
    crowded: () => state.crowded,
    machineMs: () => 0,
    probe: new Probe(),
  });
  proposer.restart();
  const write = (bytes: number, hash: number): void => {
    proposer.growth.add(bytes, hash);
    proposer.write(null as unknown as Client, set.code, 0, Args.of("k", "v"));
  };
  const turn = (): void => {
    for (const run of turns.splice(0)) run();
  };
  return { proposer, appended, state, write, turn };
}

test("growth: commands that change much are entries of their own, one at a time", () => {
  const { appended, write, turn } = rigProposer();
  for (let n = 0; n < 3; n++) write(half, n);
  write(10, 3);
  turn();
  expect(appended.length).toBe(1);
  appended[0]?.(null, 1 as never);
  expect(appended.length).toBe(2);
  appended[1]?.(null, 2 as never);
  appended[2]?.(null, 3 as never);
  expect(appended.length).toBe(4);
});

test("growth: while too much waits for the store nothing is proposed", () => {
  const { proposer, appended, state, write, turn } = rigProposer();
  state.crowded = true;
  write(0, 0);
  turn();
  expect(appended.length).toBe(0);
  state.crowded = false;
  proposer.roomier();
  expect(appended.length).toBe(1);
});

test("growth: exchanges of databases, and expiry, are under way until they are released", () => {
  const { proposer, appended, write, turn } = rigProposer();
  const under = (): number[] => [proposer.swapping, proposer.expiring];
  for (const end of ["applied", "refused"] as const) {
    for (let n = 0; n < 2; n++) {
      proposer.swaps();
      proposer.expire(0, []);
    }
    write(0, 0);
    expect(under()).toEqual([1, 1]);
    if (end === "refused") proposer.refuse(new Error("of a test"));
    turn();
    expect(under()).toEqual(end === "refused" ? [0, 0] : [1, 1]);
    appended.pop()?.(null, 1 as never);
    expect(under()).toEqual([0, 0]);
  }
});

test("growth: what expires is proposed once, however long that waits", async () => {
  const node = await openTestNode(new MemoryDisk());
  for (let n = 0; n < 100; n++) await node.run("set", `k${n}`, "v", "px", "100");
  const crowded = vi.spyOn(Flusher.prototype, "crowded", "get").mockReturnValue(true);
  const proposals = vi.spyOn(Proposer.prototype, "expire").mock.calls;
  await new Promise((done) => setTimeout(done, 800));
  crowded.mockRestore();
  expect(proposals.length).toBe(1);
  await node.run("set", "k", "v");
  await until(() => node.node.engine.databases()[0]?.keys === 1);
  await node.node.close();
});

test("growth: writers wait while the store is slow, and are answered when it is not", async () => {
  let slow = false;
  const scheduler = {
    yieldNow: async () => {
      while (slow) await new Promise((done) => setTimeout(done, 5));
      return systemScheduler.yieldNow();
    },
    delay: (ms: number) => systemScheduler.delay(ms),
  };
  const limits = {
    pinnedBytes: 4 << 20,
    flushBytes: 2 << 20,
    cacheBytes: 64 << 20,
    flushIntervalMs: 1e9,
  };
  const node = await openTestNode(new MemoryDisk(), limits, { scheduler });
  for (let n = 0; n < 8000; n++) await node.run("set", `k${n}`, "v".repeat(1000));
  await node.node.checkpoint();
  slow = true;
  const replies: Promise<string>[] = [];
  for (let n = 0; n < 8000; n++) {
    replies.push(node.run("expire", `k${n}`, "1000"));
    if (n % 50 === 0) await new Promise((done) => setTimeout(done, 1));
  }
  await new Promise((done) => setTimeout(done, 50));
  let answered = 0;
  for (const reply of replies) void reply.then(() => answered++);
  await new Promise((done) => setTimeout(done, 50));
  expect(node.node.engine.busy).toBe(true);
  expect(answered).toBeGreaterThan(3000);
  expect(answered).toBeLessThan(5000);
  slow = false;
  expect(new Set(await Promise.all(replies))).toEqual(new Set([":1\r\n"]));
  await until(() => !node.node.engine.busy);
  await node.node.close();
});

test("growth: a cache larger than a run may be changes nothing", async () => {
  const node = await openTestNode(new MemoryDisk(), { cacheBytes: 64 * 2 ** 30 });
  expect(await node.run("set", "a", "1")).toBe("+OK\r\n");
  await node.node.checkpoint();
  expect(node.node.status().state).toBe("serving");
  expect(node.alarms).toEqual([]);
  await node.node.close();
});
