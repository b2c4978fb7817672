// Goal: a damaged record refuses who needs it and halts nobody; a node that met one in its log
// comes up halted, so that an operator may pass the entry.
// Method: records on a disk in memory are damaged while the node does not run.
import { expect, test, vi } from "vitest";
import type { Clock } from "../base/ports.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { Proposer } from "./proposer.ts";
import { damagedDisk, rotStore } from "./testing/damage.ts";
import { fresh, openTestNode, type TestNode, until } from "./testing/harness.ts";

/** Writes that ask for what "bad" holds. */
const asking: readonly (readonly [string, ...string[]])[] = [
  ["append", "bad", "y"],
  ["incr", "bad"],
  ["setrange", "bad", "1", "y"],
  ["setbit", "bad", "1", "1"],
  ["bitfield", "bad", "set", "u8", "0", "1"],
  ["bitop", "not", "other", "bad"],
  ["expire", "bad", "100"],
  ["persist", "bad"],
  ["getset", "bad", "y"],
  ["getdel", "bad"],
  ["getex", "bad", "persist"],
  ["setnx", "bad", "y"],
  ["msetnx", "other", "y", "bad", "y"],
  ["set", "bad", "y", "xx"],
  ["set", "bad", "y", "nx"],
  ["set", "bad", "y", "get"],
  ["set", "bad", "y", "keepttl"],
  ["rename", "bad", "other"],
  ["renamenx", "good", "bad"],
  ["copy", "bad", "other", "replace"],
  ["copy", "good", "bad"],
  ["move", "bad", "1"],
];

/** What gives up what "bad" holds, and its reply. */
const givingUp: readonly (readonly [readonly [string, ...string[]], string])[] = [
  [["set", "bad", "y"], "+OK\r\n"],
  [["set", "bad", "y", "ex", "100"], "+OK\r\n"],
  [["set", "bad", "y", "exat", "1"], "+OK\r\n"],
  [["setex", "bad", "100", "y"], "+OK\r\n"],
  [["mset", "bad", "y", "other", "y"], "+OK\r\n"],
  [["rename", "good", "bad"], "+OK\r\n"],
  [["copy", "good", "bad", "replace"], ":1\r\n"],
  [["bitop", "not", "bad", "good"], ":1\r\n"],
  [["bitop", "not", "bad", "none"], ":0\r\n"],
  [["del", "bad", "none"], ":1\r\n"],
  [["unlink", "good", "bad"], ":2\r\n"],
  [["flushall"], "+OK\r\n"],
];

const withGood = (node: TestNode): Promise<string> => node.run("set", "good", "g");

test("damaged: a write that needs the record is refused, and nobody else is", async () => {
  const disk = await damagedDisk({}, withGood);
  const node = await openTestNode(disk);
  const before = node.node.status().appliedIndex;
  for (const [name, ...args] of asking)
    expect(await node.run(name, ...args), name).toMatch(
      /^-ERR \[NODE_RECORD_NEEDED\] .*segment at offset \d+\); nothing .*SET.*\r\n$/,
    );
  expect(node.node.status()).toMatchObject({ state: "serving", appliedIndex: before });
  expect(await node.run("append", "good", "y")).toBe(":2\r\n");
  expect(await node.run("get", "other")).toBe("$-1\r\n");
  await node.node.close();
  const again = await openTestNode(disk);
  expect(again.node.status().state).toBe("serving");
  await again.node.close();
});

test("damaged: what gives up what the key held is done, and lasts", async () => {
  const whole = await damagedDisk({}, withGood);
  for (const [[name, ...args], reply] of givingUp) {
    const disk = whole.fork({ kind: "kept" });
    const node = await openTestNode(disk);
    expect(await node.run(name, ...args), name).toBe(reply);
    const read = await node.run("get", "bad");
    expect(read, name).not.toContain("-ERR");
    await node.node.checkpoint();
    await node.node.engine.evictAll();
    expect(await node.run("get", "bad"), name).toBe(read);
    const size = await node.run("dbsize");
    await node.node.close();
    const again = await openTestNode(disk);
    expect([await again.run("get", "bad"), await again.run("dbsize")], name).toEqual([read, size]);
    await again.node.close();
  }
});

test("damaged: a transaction is refused as a whole, before anything is proposed", async () => {
  const node = await openTestNode(await damagedDisk({}, withGood));
  const before = node.node.status().appliedIndex;
  expect(await node.exec(["set", "good", "h"], ["append", "bad", "y"])).toMatch(
    /^-EXECABORT Transaction discarded because of: \[NODE_RECORD_NEEDED\] .*\r\n$/,
  );
  // What a database will hold is not known before its exchange was applied.
  expect(await node.exec(["swapdb", "0", "1"], ["append", "good", "y"])).toMatch(/^\*2/);
  expect(await node.exec(["append", "bad", "y"])).toMatch(/^\*1\r\n:1\r\n/);
  expect(await node.exec(["swapdb", "0", "1"], ["append", "bad", "y"])).toMatch(/^-EXECABORT/);
  expect(node.node.status()).toMatchObject({ state: "serving", appliedIndex: before + 2 });
  expect(await node.exec(["swapdb", "0", "1"], ["get", "good"])).toContain("$1\r\ng\r\n");
  // Those who only read get their errors one by one.
  expect(await node.exec(["set", "good", "h"], ["get", "bad"], ["get", "good"])).toMatch(
    /^\*3\r\n\+OK\r\n-ERR \[STORE_RECORD_DAMAGED\].*\r\n\$1\r\nh\r\n$/,
  );
  await node.node.close();
});

test("damaged: databases that are exchanged meanwhile hide no damaged record", async () => {
  const node = await openTestNode(await damagedDisk({}, withGood));
  await node.run("swapdb", "0", "1");
  const sent = [node.run("swapdb", "0", "1"), node.run("append", "bad", "y")];
  const [swapped, appended] = await Promise.all(sent);
  expect(swapped).toBe("+OK\r\n");
  expect(appended).toContain("NODE_RECORD_NEEDED");
  expect(await node.run("append", "good", "y")).toBe(":2\r\n");
  await node.run("swapdb", "0", "1");
  expect(await node.run("append", "bad", "y")).toBe(":1\r\n");
  expect(node.node.status().state).toBe("serving");
  await node.node.close();
});

test("damaged: what comes while writes are refused is looked at all the same", async () => {
  const writes = vi.spyOn(Proposer.prototype, "write");
  const node = await openTestNode(await damagedDisk());
  await node.run("set", "k", "v");
  const proposer = writes.mock.contexts.at(-1) as Proposer;
  proposer.refuse(new Error("of a test"));
  const reply = node.run("append", "bad", "y");
  proposer.refuse(null);
  expect(await reply).toContain("NODE_RECORD_NEEDED");
  expect(await node.run("append", "k", "w")).toBe(":2\r\n");
  expect(node.node.status().state).toBe("serving");
  await node.node.close();
});

test("damaged: a key that is watched is an error for its watcher", async () => {
  const node = await openTestNode(await damagedDisk());
  expect(() => node.node.engine.watch(0, Buffer.from("bad"))).toThrow(/STORE_RECORD_DAMAGED/);
  await node.node.close();
});

test("damaged: a record that cannot be read now halts nobody", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  await first.run("set", "k", "v");
  await first.node.close();
  const node = await openTestNode(disk);
  const open = disk.open.bind(disk);
  disk.open = () => {
    disk.open = open;
    throw Object.assign(new Error("of a test"), { code: "EMFILE" });
  };
  expect(await node.run("append", "k", "w")).toMatch(/^-ERR \[STORE_READ_FAILED\] .*try again/);
  expect(await node.run("append", "k", "w")).toBe(":2\r\n");
  await node.node.close();
});

/** A clock that a test moves. */
class Moved implements Clock {
  ms = 1_700_000_000_000;
  nowMs = (): number => this.ms;
  monotonicMs = (): number => this.ms;
  sinceBootMs = (): number => this.ms;

  /** The node reads it once a turn of the event loop. */
  pass(ms: number): Promise<void> {
    this.ms += ms;
    return new Promise((turn) => setImmediate(turn));
  }
}

test("damaged: DEL of a key whose expiry is near waits until it is past", async () => {
  const disk = new MemoryDisk();
  const clock = new Moved();
  const first = await openTestNode(disk, {}, clock);
  await first.run("set", "bad", "x".repeat(3000), "px", "100500");
  await first.node.close();
  rotStore(disk);
  const node = await openTestNode(disk, {}, clock);
  await clock.pass(60_000);
  expect(await node.run("del", "bad")).toContain("-ERR [NODE_RECORD_NEEDED]");
  await clock.pass(40_600);
  expect(await node.run("del", "bad")).toContain("-ERR [NODE_RECORD_NEEDED]");
  await clock.pass(400);
  expect(await node.run("del", "bad")).toBe(":0\r\n");
  expect(await node.run("append", "bad", "y")).toContain("-ERR [NODE_RECORD_NEEDED]");
  expect(node.node.status().state).toBe("serving");
  await node.node.close();
});

test("damaged: an entry that needs the record halts a start, and may be passed", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  await first.run("set", "bad", "x".repeat(3000));
  await first.node.close();
  const node = await openTestNode(disk, { flushIntervalMs: 1e9, flushBytes: 1 << 20 });
  await node.run("set", "before", "1");
  await node.run("append", "bad", "y");
  const index = node.node.status().appliedIndex;
  await node.run("set", "behind", "1");
  const crashed = disk.fork({ kind: "kept" });
  await node.node.close();
  rotStore(crashed);
  const halted = await openTestNode(crashed);
  expect(halted.node.status()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
  const { keys } = halted.node;
  expect(keys.keyring().haltReason).toMatch(
    new RegExp(`^entry ${index}: \\[STORE_RECORD_DAMAGED\\]`),
  );
  expect(await halted.run("get", "before")).toMatch(/^-ERR \[NODE_HALTED\]/);
  const mended = crashed.fork({ kind: "kept" });
  await keys.skip(fresh(), index, "the disk had rotted");
  await halted.node.close();
  const next = await openTestNode(crashed);
  expect(next.node.status().state).toBe("serving");
  expect(next.alarms).toContain(`entry-skipped: entry ${index}`);
  expect(await next.run("get", "before")).toBe("$1\r\n1\r\n");
  expect(await next.run("get", "behind")).toBe("$1\r\n1\r\n");
  expect(await next.run("get", "bad")).toContain("-ERR [STORE_RECORD_DAMAGED]");
  expect(await next.run("set", "bad", "new")).toBe("+OK\r\n");
  await next.node.close();
  // The same bits again: the file was put back. Nothing is lost then.
  rotStore(mended);
  const again = await openTestNode(mended);
  expect(await again.run("strlen", "bad")).toBe(":3001\r\n");
  await again.node.close();
});

test("damaged: a clear segment whose keys were given up does not stop a migration", async () => {
  const off = { encryption: "off" } as const;
  const disk = new MemoryDisk();
  // The first segment holds records of the node, too.
  for (const [key, length] of [
    ["first", 1],
    ["bad", 3000],
  ] as const) {
    const node = await openTestNode(disk, off);
    await node.run("set", key, "x".repeat(length));
    await node.node.close();
  }
  rotStore(disk);
  const node = await openTestNode(disk, off);
  const { keys } = node.node;
  await keys.bootstrap(fresh());
  await keys.enableStorage(fresh());
  await keys.startRewrite(fresh(), 0, 0);
  await until(() => keys.rewrite(0)?.state === "paused");
  await expect(keys.enableLog(fresh())).rejects.toThrow(/damaged: .*0000000002\.segment/);
  expect(await node.run("del", "bad")).toBe(":1\r\n");
  await node.node.checkpoint();
  await node.node.close();
  const again = await openTestNode(disk);
  await again.node.keys.startRewrite(fresh(), 0, 0);
  await until(() => again.node.keys.rewrite(0)?.state === "done");
  await again.node.keys.enableLog(fresh());
  expect(await again.run("get", "first")).toBe("$1\r\nx\r\n");
  expect(await again.run("dbsize")).toBe(":1\r\n");
  await again.node.close();
});
