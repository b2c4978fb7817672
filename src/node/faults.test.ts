// Goal: a node whose disk is full, broken or gone behaves as told: what was opened is closed, one
// reply a command, nothing into the log once it has halted, a log that does not grow for nothing.
import { expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { Args } from "../commands/args.ts";
import type { CommandSpec } from "../commands/command.ts";
import { commandNamed } from "../commands/table.ts";
import { blockBytes } from "../files/framing.ts";
import { openKek as openProvider } from "../kek/open.ts";
import type { KekProvider } from "../kek/provider.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { RespWriter } from "../resp/writer.ts";
import { rewriteFile } from "../store/testing/faults.ts";
import { damagedDisk } from "./testing/damage.ts";
import { openTestNode, type TestNode, testClient, until } from "./testing/harness.ts";

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** What no version applies: its entry halts the node. */
const unknown = { ...commandNamed("append"), code: 0x7fff } as CommandSpec;

/** All of a client's writes in one batch; resolves with all its replies and how many settled. */
function burst(
  node: TestNode,
  commands: string[][],
): { text: () => string; settled: () => number } {
  const reply = new RespWriter();
  let settled = 0;
  let text = "";
  const client = testClient(reply, () => void settled++);
  for (const [name = "", ...values] of commands)
    node.node.engine.write(client, commandNamed(name) ?? unknown, 0, Args.of(...values));
  return {
    text: () => {
      text += reply.take().toString("latin1");
      return text;
    },
    settled: () => settled,
  };
}

test("faults: a node that cannot close its files for want of room lets its lock go", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  expect(await first.run("set", "a", "1")).toBe("+OK\r\n");
  disk.capacityBytes = 0;
  await first.node.close().catch(() => {});
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  const second = await openTestNode(disk);
  expect(await second.run("get", "a")).toBe("$1\r\n1\r\n");
  await second.node.close();
});

test("faults: a batch that halts the node answers each command once", async () => {
  const node = await openTestNode(new MemoryDisk());
  const sent = burst(node, [
    ["set", "a", "1"],
    ["unknown", "k", "y"],
    ["set", "b", "2"],
  ]);
  await until(() => sent.settled() >= 3);
  await pause(20);
  expect(sent.settled()).toBe(3);
  expect(sent.text().match(/\r\n/g)?.length).toBe(3);
  expect(sent.text()).toMatch(/^\+OK\r\n-ERR .*\r\n-ERR .*\r\n$/);
  expect(node.node.status().state).toBe("halted");
  await node.node.close();
});

test("faults: a damaged record answers its own readers; SCAN finds the others", async () => {
  const node = await openTestNode(await damagedDisk());
  for (let n = 0; n < 20; n++) await node.run("set", `k${n}`, "v");
  await node.node.engine.evictAll();
  for (let n = 0; n < 2; n++) {
    const found = await node.run("scan", "0", "count", "1000");
    expect(found.match(/\r\nk\d+/g)).toHaveLength(20);
    expect(found).not.toContain("bad");
    expect(await node.run("keys", "*")).toMatch(/^\*20\r\n/);
    for (let draw = 0; draw < 20; draw++) expect(await node.run("randomkey")).toMatch(/\r\nk/);
    expect(await node.run("get", "bad")).toContain("-ERR [STORE_RECORD_DAMAGED]");
    // Not in the middle of an array, which would put the connection out of step.
    expect(await node.run("mget", "k1", "bad", "k2")).toMatch(
      /^-ERR \[STORE_RECORD_DAMAGED\].*\r\n$/,
    );
    expect(await node.run("mget", "k1", "none", "k2")).toBe("*3\r\n$1\r\nv\r\n$-1\r\n$1\r\nv\r\n");
  }
  expect(await node.run("get", "k7")).toBe("$1\r\nv\r\n");
  expect(node.alarms.filter((text) => text.startsWith("record-damaged"))).toHaveLength(1);
  expect(node.node.engine.counters().damagedRecords).toBe(1);
  await node.node.close();
});

test("faults: a sector that the compactor cannot read is told, and halts nothing", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  await first.run("set", "kept", "v");
  await first.run("set", "dead", "x".repeat(500_000));
  await first.node.close();
  const node = await openTestNode(disk);
  disk.fail("read", "EIO", Number.POSITIVE_INFINITY, (path, position) => {
    return path.endsWith("0000000001.segment") && position >= blockBytes;
  });
  expect(await node.run("set", "dead", "y")).toBe("+OK\r\n");
  await node.node.engine.evictAll();
  await until(() => node.alarms.some((text) => text.startsWith("segment-set-aside")));
  expect(node.alarms.join()).toMatch(/STORE_READ_FAILED.*EIO/);
  expect(await node.run("set", "new", "z")).toBe("+OK\r\n");
  await node.node.engine.evictAll();
  expect(node.node.status().state).toBe("serving");
  disk.clearFaults();
  expect(await node.run("get", "kept")).toBe("$1\r\nv\r\n");
  await node.node.close();
});

test("faults: large values in flight wait for each other instead of being refused", async () => {
  const node = await openTestNode(new MemoryDisk(), { cacheBytes: 256 << 20 });
  const value = "v".repeat(40 << 20);
  const names = ["a", "b", "c"];
  // More than the log takes at once.
  const replies = await Promise.all(names.map((name) => node.run("set", name, value)));
  expect(replies).toEqual(["+OK\r\n", "+OK\r\n", "+OK\r\n"]);
  for (const name of names) expect(await node.run("strlen", name)).toBe(`:${value.length}\r\n`);
  await node.node.close();
});

test("faults: INFO counts every key with an expiry, resident or not, flushed or not", async () => {
  const node = await openTestNode(new MemoryDisk());
  const expires = (): number => node.node.engine.databases()[0]?.expires ?? 0;
  const steps: [string, ...string[]][] = [
    ["set", "a", "1", "ex", "1000"],
    ["set", "b", "1", "ex", "1000"],
    ["set", "c", "1"],
    ["persist", "a"],
    ["expire", "c", "500"],
    ["del", "b"],
    ["set", "b", "2", "ex", "7"],
    ["rename", "b", "d"],
    ["set", "c", "1"],
    ["copy", "d", "e"],
  ];
  const live = new Map<string, boolean>();
  for (const [name, key = "", ...rest] of steps) {
    await node.run(name, key, ...rest);
    if (name === "set") live.set(key, rest.includes("ex"));
    else if (name === "del") live.delete(key);
    else if (name === "persist" || name === "expire") live.set(key, name === "expire");
    else live.set(rest[0] ?? "", live.get(key) ?? false);
    if (name === "rename") live.delete(key);
    const wanted = [...live.values()].filter((has) => has).length;
    expect(expires(), name).toBe(wanted);
    const flushed = node.node.checkpoint();
    expect(expires(), name).toBe(wanted);
    await flushed;
    expect(expires(), name).toBe(wanted);
    await node.node.engine.evictAll();
    expect(expires(), name).toBe(wanted);
  }
  await node.run("flushall");
  expect(expires()).toBe(0);
  await node.node.close();
});

test("faults: writes that change nothing do not make the log grow without end", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await node.run("set", "a", "1");
  await node.node.checkpoint();
  for (let n = 0; n < 50; n++) await node.run("setnx", "a", "v".repeat(20_000));
  await until(() => node.node.status().durableIndex === node.node.status().appliedIndex);
  expect(node.node.status().log.bytes).toBeLessThan(200_000);
  await node.run("flushall");
  await until(() => node.node.status().durableIndex === node.node.status().appliedIndex);
  await node.node.close();
});

test("faults: a flush that lands after a halt lets nothing into the log", async () => {
  const limits = { flushBytes: 16 << 20, flushIntervalMs: 100_000, cacheBytes: 256 << 20 };
  const test = await openTestNode(new MemoryDisk(), limits);
  const { node } = test;
  const many = Array.from({ length: 30_000 }, (_, n) => ["set", `k${n}`, "v"]);
  const sets = burst(test, many);
  await until(() => sets.settled() === many.length);
  const saved = node.checkpoint();
  const bad = burst(test, [["unknown", "k", "y"]]);
  await until(() => bad.settled() === 1);
  expect(node.status().state).toBe("halted");
  await saved;
  const { last } = node.status().log;
  const late = burst(test, [["set", "late", "1"]]);
  await until(() => late.settled() === 1);
  await pause(20);
  expect(late.text()).toMatch(/^-ERR /);
  expect(node.status().log.last).toBe(last);
  await expect(node.checkpoint()).rejects.toThrow();
  await node.close();
});

test("faults: SCAN meets every key while a run lands and entries are used again", async () => {
  const limits = { flushBytes: 16 << 20, flushIntervalMs: 100_000, cacheBytes: 4 << 20 };
  const node = await openTestNode(new MemoryDisk(), limits);
  const named = (letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, n) => `${letter}${n}`);
  const old = named("k", 1000);
  const fresh = named("n", 9000);
  burst(
    node,
    old.map((key) => ["set", key, "v".repeat(500)]),
  );
  await node.run("set", "k0", "v");
  await node.node.engine.evictAll();
  burst(
    node,
    fresh.map((key) => ["set", key, "v".repeat(500)]),
  );
  await node.run("set", "n0", "v");
  let done = false;
  const scan = (): Promise<string> => node.run("scan", "0", "count", "100000");
  expect((await scan()).match(/\r\n[kn]\d+/g)?.length).toBe(old.length + fresh.length);
  const saved = node.node.checkpoint().then(() => {
    done = true;
  });
  const before = node.node.status().durableIndex;
  let at = 0;
  while (!done) {
    await new Promise((turn) => setImmediate(turn));
    if (node.node.status().durableIndex === before) continue;
    for (let n = 0; n < 40; n++) void node.run("get", old[at++ % old.length] as string);
    const met = new Set((await scan()).match(/\r\n[kn]\d+/g));
    expect(met.size).toBe(old.length + fresh.length);
  }
  await saved;
  await node.node.close();
});

test("faults: a rotation waits for room for the sidecar, a stop does not", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  const sidecar = (path: string): boolean => path.includes("/encryption/");
  disk.fail("create", "ENOSPC", 2, sidecar);
  await node.node.rotate("storage");
  expect(node.alarms.filter((alarm) => alarm.startsWith("disk-full")).length).toBe(2);
  expect(await node.run("set", "a", "1")).toBe("+OK\r\n");
  disk.fail("create", "ENOSPC", 1000, sidecar);
  const stuck = node.node.rotate("storage");
  const refused = expect(stuck).rejects.toMatchObject({ code: "NODE_STOPPING" });
  await until(() => node.alarms.filter((alarm) => alarm.startsWith("disk-full")).length > 2);
  await node.node.close();
  await refused;
  disk.clearFaults();
  const again = await openTestNode(disk);
  expect(await again.run("get", "a")).toBe("$1\r\n1\r\n");
  await again.node.close();
});

test("faults: a start that waits for room can be stopped, and says what it waits for", async () => {
  const disk = new MemoryDisk();
  let stopping = false;
  let created = 0;
  // The first one is the sidecar that the start begins with, the second one raises its epochs.
  disk.fail("create", "ENOSPC", 1000, (path) => path.endsWith("keys.json.tmp") && ++created > 2);
  const alarms: string[] = [];
  const alarm = (event: string, detail: string): void => {
    alarms.push(`${event}: ${detail}`);
    stopping ||= alarms.length > 1;
  };
  const start = openTestNode(disk, {}, { stopping: () => stopping, alarm });
  await expect(start).rejects.toMatchObject({ code: "NODE_STOPPING" });
  const told = /^disk-full: the sidecar waits for room: \[SIDECAR_DISK_FULL\] .*; make room on/;
  for (const text of alarms) expect(text).toMatch(told);
  disk.clearFaults();
  const again = await openTestNode(disk);
  expect(await again.run("set", "a", "1")).toBe("+OK\r\n");
  await again.node.close();
});

test("faults: a replay that waits for a KEK can be stopped", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk, { flushIntervalMs: 3_600_000 });
  const sidecar = disk.readFile("/data/encryption/keys.json");
  await first.node.rotate("log");
  const crashed = disk.fork({ kind: "kept" });
  await first.node.close();
  rewriteFile(crashed, "/data/encryption/keys.json", sidecar);
  let unwrapped = 0;
  // It opens the three keys of the sidecar, and is gone when the log names a fourth one.
  const openKek = async (spec: string): Promise<KekProvider> => {
    const kek = await openProvider(spec);
    const unwrap = (wrapped: Uint8Array, binding: Uint8Array): Promise<Buffer> => {
      if (++unwrapped > 3) throw new StrongroomError("KEK_UNAVAILABLE");
      return kek.unwrap(wrapped, binding);
    };
    const { id, provider } = kek;
    return { id, provider, wrap: (...all) => kek.wrap(...all), unwrap, close: () => kek.close() };
  };
  const stopping = (): boolean => unwrapped > 4;
  const start = openTestNode(crashed, {}, { openKek, stopping });
  await expect(start).rejects.toMatchObject({ code: "NODE_STOPPING" });
  await (await openTestNode(crashed)).node.close();
});

test("faults: a log that could not be synced halts the node, and everybody is told", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await node.run("set", "a", "1");
  disk.fail("write", "EIO", 1, (path) => path.includes("/log/"));
  disk.fail("sync", "EIO", 1, (path) => path.includes("/log/"));
  const sent = burst(node, [["set", "a", "2"]]);
  await until(() => sent.settled() === 1);
  expect(sent.text()).toMatch(/^-ERR \[LOG_WRITE_FAILED\]/);
  expect(node.node.status().state).toBe("halted");
  expect(node.alarms.join()).toMatch(/halted: \[LOG_WRITE_FAILED\]/);
  await node.node.close();
  disk.clearFaults();
  const again = await openTestNode(disk);
  expect(await again.run("get", "a")).toMatch(/^\$1\r\n[12]\r\n$/);
  await again.node.close();
});

test("faults: what a client queued for itself does not run once it is gone", async () => {
  const node = await openTestNode(new MemoryDisk());
  const reply = new RespWriter();
  let settled = 0;
  let ran = 0;
  const client = testClient(reply, () => void settled++);
  const local = { spec: null, db: 0, args: Args.of(), local: () => void ran++ };
  const write = { spec: commandNamed("set") ?? null, db: 0, args: Args.of("a", "1"), local: null };
  node.node.engine.exec(client, [local, write, local], []);
  client.closed = true;
  await until(() => settled === 1);
  expect([ran, await node.run("get", "a")]).toEqual([0, "$1\r\n1\r\n"]);
  await node.node.close();
});

test("faults: who waits for a busy node is told when it has halted", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, { cacheBytes: 256 << 20, logFileBytes: 1 << 20 });
  const { engine } = node.node;
  let ready = false;
  engine.onReady = () => {
    ready = true;
  };
  const value = "v".repeat(1_000_000);
  const sent = burst(
    node,
    Array.from({ length: 40 }, (_, n) => ["set", `k${n}`, value]),
  );
  expect(engine.busy).toBe(true);
  disk.fail("write", "EIO", 1, (path) => path.includes("/log/"));
  await until(() => sent.settled() === 40);
  expect(node.node.status().state).toBe("halted");
  await until(() => ready);
  disk.clearFaults();
  await node.node.close();
});
