import { afterEach, expect, test } from "vitest";
import type { Clock } from "../base/ports.ts";
import { Args } from "../commands/args.ts";
import { commandNamed } from "../commands/table.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { RespWriter } from "../resp/writer.ts";
import type { WatchToken } from "./port.ts";
import { openTestNode, type TestNode, testClient, until } from "./testing/harness.ts";

const nodes: TestNode[] = [];
afterEach(async () => {
  for (const { node } of nodes.splice(0)) await node.close();
});

/** Flushes only when it is told to. */
const calm = { flushBytes: 1 << 20, flushIntervalMs: 1e9 };

class HandClock implements Clock {
  ms = 1_700_000_000_000;
  nowMs = (): number => this.ms;
  monotonicMs = (): number => performance.now();
  sinceBootMs = (): number => this.ms - 1_600_000_000_000;
}

async function open(disk: MemoryDisk, clock: Clock): Promise<TestNode> {
  const node = await openTestNode(disk, calm, clock);
  nodes.push(node);
  return node;
}

/** MULTI, SET `key` mine, EXEC with what was watched. */
function setIf({ node }: TestNode, key: string, token: WatchToken): Promise<string> {
  const reply = new RespWriter();
  const args = Args.of(key, "mine");
  const queued = { spec: commandNamed("set") ?? null, db: 0, args, local: null };
  return new Promise((resolve) => {
    const client = testClient(reply, () => resolve(reply.take().toString("latin1")));
    node.engine.exec(client, [queued], [token]);
  });
}

test("watch: a transaction that was refused is not performed by a replay", async () => {
  const disk = new MemoryDisk();
  const clock = new HandClock();
  const node = await open(disk, clock);
  const { engine } = node.node;
  engine.setActiveExpiry(false);
  await node.run("set", "lock", "holder", "px", "1000");
  await node.node.checkpoint();
  clock.ms += 2000;
  await node.run("set", "other", "1");
  await node.node.checkpoint();
  // The compactor leaves out what has expired; in memory it still is.
  await node.node.rotate("storage");
  await node.node.checkpoint();
  await until(() => node.node.status().keys.find(({ id }) => id === 1)?.bytes === 0);
  const token = engine.watch(0, Buffer.from("lock"));
  engine.setActiveExpiry(true);
  await until(() => engine.counters().expiredKeys === 1);
  expect(await setIf(node, "lock", token)).toBe("*-1\r\n");
  const again = await open(disk.fork({ kind: "dropped" }), clock);
  expect(await node.run("get", "lock")).toBe("$-1\r\n");
  expect(await again.run("get", "lock")).toBe("$-1\r\n");
});

test.each(["set lock other px 50", "psetex lock 50 other", "copy model lock", "rename model lock"])(
  "watch: an absent key that came by %s and expired refuses",
  async (command) => {
    const clock = new HandClock();
    const node = await open(new MemoryDisk(), clock);
    const { engine } = node.node;
    engine.setActiveExpiry(false);
    await node.run("set", "model", "1", "px", "50");
    const token = engine.watch(0, Buffer.from("lock"));
    const [name = "", ...args] = command.split(" ");
    await node.run(name, ...args);
    clock.ms += 60;
    expect(await setIf(node, "lock", token)).toBe("*-1\r\n");
  },
);

test("watch: an absent key that came, was given an expiry and expired refuses", async () => {
  const clock = new HandClock();
  const node = await open(new MemoryDisk(), clock);
  const { engine } = node.node;
  engine.setActiveExpiry(false);
  const token = engine.watch(0, Buffer.from("lock"));
  await node.run("set", "lock", "1");
  await node.run("pexpire", "lock", "50");
  clock.ms += 60;
  expect(await setIf(node, "lock", token)).toBe("*-1\r\n");
});

test("watch: an absent key that nobody touched lets the transaction run", async () => {
  const clock = new HandClock();
  const node = await open(new MemoryDisk(), clock);
  await node.run("set", "x", "1", "px", "50");
  const token = node.node.engine.watch(0, Buffer.from("lock"));
  await node.run("set", "y", "1");
  expect(await setIf(node, "lock", token)).toBe("*1\r\n+OK\r\n");
});
