// Goal: whatever moment the machine stops at, everything acknowledged is there after a restart,
// what was in doubt is there whole or not at all, and nothing is applied twice.
// Method: a disk in memory that stops at the n-th operation, with every fate of what was not
// synced; a workload that makes log files rotate, runs flush, segments close and the compactor
// work; then a restart, compared with an oracle.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { chooser } from "../platform/testing/chooser.ts";
import { type CrashVariant, MemoryDisk } from "../platform/testing/memory-disk.ts";
import { openTestNode, type TestNode } from "./testing/harness.ts";

class Oracle {
  settled = new Map<string, string>();
  /** What the command in doubt would have made of its keys. */
  doubt: Map<string, string | null> | null = null;

  /** The state once what is in doubt has taken effect. */
  after(): Map<string, string> {
    const state = new Map(this.settled);
    for (const [key, value] of this.doubt ?? [])
      if (value === null) state.delete(key);
      else state.set(key, value);
    return state;
  }

  take(state: Map<string, string>): void {
    this.settled = state;
    this.doubt = null;
  }
}

async function step(node: TestNode, oracle: Oracle, random: () => number): Promise<boolean> {
  const key = `k${Math.floor(random() * 30)}`;
  const old = oracle.settled.get(key);
  const kind = random();
  let reply: string;
  if (kind < 0.4) {
    const value = `${"v".repeat(Math.floor(random() * 900))}${Math.floor(random() * 1e6)}`;
    oracle.doubt = new Map([[key, value]]);
    reply = await node.run("set", key, value);
  } else if (kind < 0.55) {
    oracle.doubt = new Map([[key, null]]);
    reply = await node.run("del", key);
  } else if (kind < 0.75) {
    oracle.doubt = new Map([[key, `${old ?? ""}+`]]);
    reply = await node.run("append", key, "+");
  } else if (kind < 0.9) {
    const counter = `n${Math.floor(random() * 3)}`;
    const next = String(Number(oracle.settled.get(counter) ?? 0) + 1);
    oracle.doubt = new Map([[counter, next]]);
    reply = await node.run("incr", counter);
  } else {
    const value = String(random());
    oracle.doubt = new Map([
      ["pair:a", value],
      ["pair:b", value],
    ]);
    reply = await node.exec(["set", "pair:a", value], ["set", "pair:b", value]);
  }
  if (reply.startsWith("-")) return false;
  oracle.take(oracle.after());
  return true;
}

const bulk = (value: string | undefined): string =>
  value === undefined ? "$-1\r\n" : `$${value.length}\r\n${value}\r\n`;

async function compare(node: TestNode, oracle: Oracle): Promise<void> {
  const allowed = [oracle.settled, oracle.after()];
  const keys = new Set([...allowed.flatMap((state) => [...state.keys()]), "k0", "n0", "pair:a"]);
  const found = new Map<string, string>();
  for (const key of keys) found.set(key, await node.run("get", key));
  const fits = allowed.filter((state) =>
    [...found].every(([key, reply]) => reply === bulk(state.get(key))),
  );
  const wrong = [...found].filter(([key, reply]) =>
    allowed.every((state) => reply !== bulk(state.get(key))),
  );
  expect(wrong).toEqual([]);
  expect(fits.length, "half a command").toBeGreaterThan(0);
  const state = fits[0] as Map<string, string>;
  expect(await node.run("dbsize")).toBe(`:${state.size}\r\n`);
  oracle.take(state);
}

const fates: readonly ((random: () => number) => CrashVariant)[] = [
  () => ({ kind: "kept" }),
  () => ({ kind: "dropped" }),
  (random) => ({ kind: "torn", seed: Math.floor(random() * 1e9) }),
];

/** Lives of one data directory, each ended by a stop at a random operation. */
async function lives(seed: number, rounds: number): Promise<void> {
  const random = chooser(seed);
  let disk = new MemoryDisk();
  const oracle = new Oracle();
  for (let round = 0; round < rounds; round++) {
    const graceful = random() < 0.15;
    if (!graceful) disk.stopAfter(1 + Math.floor(random() ** 2 * 260));
    let node: TestNode | null = null;
    try {
      node = await openTestNode(disk);
      await compare(node, oracle);
      const steps = 20 + Math.floor(random() * 150);
      for (let n = 0; n < steps; n++) {
        if (!(await step(node, oracle, random))) break;
        if (random() < 0.004) await node.node.rotate(random() < 0.5 ? "storage" : "log");
      }
      if (graceful) await node.node.close();
    } catch (error) {
      // The stop shows as whatever the operation at hand makes of it.
      if (!disk.crashed) throw error;
    }
    if (!graceful) {
      const fate = fates[Math.floor(random() * fates.length)]?.(random) as CrashVariant;
      const after = disk.fork(fate);
      // What is left of the old life works on its own disk, as a process that is gone.
      disk.stopAfter(0);
      void node?.node.close().catch(() => {});
      disk = after;
    }
  }
  const node = await openTestNode(disk);
  await compare(node, oracle);
  await node.node.close();
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "nothing acknowledged is lost or doubled, whatever operation stops it (seed %i)",
  async (seed) => {
    await lives(seed, 25);
  },
  180_000,
);

/** Disks as a stop in the middle of a rotation leaves them. */
async function amidRotation(): Promise<MemoryDisk[]> {
  const found: MemoryDisk[] = [];
  for (let stop = 1; ; stop++) {
    const disk = new MemoryDisk();
    const node = await openTestNode(disk);
    await node.run("set", "k", "v");
    disk.stopAfter(stop);
    await node.node.rotate("storage").catch(() => {});
    if (!disk.crashed) {
      disk.stopAfter(Number.POSITIVE_INFINITY);
      await node.node.close();
      return found;
    }
    found.push(disk.fork({ kind: "kept" }));
    void node.node.close().catch(() => {});
  }
}

test("a start amid a change of keys ends, whatever operation stops it", async () => {
  const disks = await amidRotation();
  expect(disks.length).toBeGreaterThan(10);
  for (const [at, amid] of disks.entries())
    for (let stop = 1; ; stop++) {
      const disk = amid.fork({ kind: "kept" });
      disk.stopAfter(stop);
      const starting = openTestNode(disk).catch(() => null);
      const late = sleep(10_000, "late", { ref: false });
      const node = await Promise.race([starting, late]);
      expect(node, `stop ${stop} of a start after stop ${at + 1}`).not.toBe("late");
      if (!disk.crashed) {
        disk.stopAfter(Number.POSITIVE_INFINITY);
        await (node as TestNode).node.close();
        break;
      }
      void (node as TestNode | null)?.node.close().catch(() => {});
    }
}, 120_000);
