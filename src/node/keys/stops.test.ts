// Goal: whatever operation on the disk is the last one of a cutover, a fence or a skip, the next
// start serves, nothing acknowledged is lost, and the same request again is answered as the same
// one or does the rest.
// Method: a directory is prepared once for each change; the machine stops at every counted
// operation of a start, the change and a stop, with every fate of what was not synced.
import { expect, test } from "vitest";
import { type CrashVariant, MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { NodeOptions } from "../api.ts";
import type { Applied, KeyOperations, KeyringInfo } from "../operations.ts";
import { fresh, openTestNode, type TestNode } from "../testing/harness.ts";
import { haltingDisk } from "./testing/halting.ts";

const calm = { flushIntervalMs: 3_600_000, flushBytes: 1 << 20 };
const count = 20;
const value = (n: number): string => `${n}`.padEnd(400, "v");
const fates: readonly CrashVariant[] = [
  { kind: "kept" },
  { kind: "dropped" },
  { kind: "torn", seed: 1 },
  { kind: "torn", seed: 2 },
];

interface Change {
  readonly prepare: () => Promise<MemoryDisk>;
  readonly ask: (keys: KeyOperations, request: string) => Promise<Applied>;
  readonly done: (keys: KeyringInfo) => boolean;
}

const opened = (disk: MemoryDisk): Promise<TestNode> => openTestNode(disk, calm);

async function filled(
  encryption: NodeOptions["encryption"],
  then: (node: TestNode) => Promise<unknown>,
): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, { ...calm, encryption });
  for (let n = 0; n < count; n++) await node.run("set", `k${n}`, value(n));
  await node.node.checkpoint();
  await then(node);
  await node.node.close();
  return disk;
}

async function sealedStore({ node: { keys } }: TestNode): Promise<void> {
  await keys.bootstrap(fresh());
  await keys.enableStorage(fresh());
  await keys.startRewrite(fresh(), 0, 0);
  while (keys.rewrite(0)?.state === "running") await new Promise((turn) => setTimeout(turn, 5));
}

let halted = 0;

const changes: Record<string, Change> = {
  "enable-storage": {
    prepare: () => filled("off", ({ node }) => node.keys.bootstrap(fresh())),
    ask: (keys, request) => keys.enableStorage(request),
    done: ({ storageCutover }) => storageCutover > 0,
  },
  "enable-log": {
    prepare: () => filled("off", sealedStore),
    ask: (keys, request) => keys.enableLog(request),
    done: ({ logCutover }) => logCutover > 0,
  },
  fence: {
    prepare: () => filled("on", ({ node }) => node.keys.rotate(fresh(), "storage", 0)),
    ask: (keys, request) => keys.fence(request, 1),
    done: ({ keys }) => keys.find(({ id }) => id === 1)?.state === "fenced",
  },
  skip: {
    prepare: async () => {
      const { disk, index } = await haltingDisk(async (node) => {
        for (let n = 0; n < count; n++) await node.run("set", `k${n}`, value(n));
      });
      halted = index;
      return disk;
    },
    ask: (keys, request) => keys.skip(request, halted, "of a test"),
    done: ({ state }) => state === "serving",
  },
};

interface Life {
  readonly first: Applied | null;
  /** Acknowledged in this life. */
  readonly written: boolean;
}

async function live(disk: MemoryDisk, change: Change, request: string): Promise<Life> {
  let node: TestNode | null = null;
  let first: Applied | null = null;
  let written = false;
  try {
    node = await opened(disk);
    written = (await node.run("set", "w", "1")) === "+OK\r\n";
    first = await change.ask(node.node.keys, request);
    await node.node.close();
  } catch (error) {
    if (!disk.crashed) throw error;
    void node?.node.close().catch(() => {});
  }
  return { first, written };
}

async function judge(
  disk: MemoryDisk,
  change: Change,
  request: string,
  { first, written }: Life,
): Promise<void> {
  let node = await opened(disk);
  const { keys } = node.node;
  if (first !== null) expect(change.done(keys.keyring())).toBe(true);
  const again = await change.ask(keys, request);
  if (first !== null) expect(again).toEqual({ ...first, changed: false });
  if (!change.done(keys.keyring())) {
    await node.node.close();
    node = await opened(disk);
  }
  expect(change.done(node.node.keys.keyring())).toBe(true);
  expect(node.node.status().state).toBe("serving");
  expect(await change.ask(node.node.keys, request)).toEqual({ ...again, changed: false });
  for (let n = 0; n < count; n++)
    expect(await node.run("get", `k${n}`)).toBe(`$400\r\n${value(n)}\r\n`);
  if (written) expect(await node.run("get", "w")).toBe("$1\r\n1\r\n");
  for await (const { findings } of node.node.verify(0)) expect(findings).toEqual([]);
  expect(await node.run("set", "after", "1")).toBe("+OK\r\n");
  await node.node.close();
}

test.each(Object.entries(changes))(
  "keys: %s survives a stop at every operation and is done once",
  async (_name, change) => {
    const disk = await change.prepare();
    const whole = disk.fork({ kind: "kept" });
    const before = whole.operations;
    expect((await live(whole, change, fresh())).first).toMatchObject({ changed: true });
    const operations = whole.operations - before;
    expect(operations).toBeGreaterThan(10);
    for (let n = 1; n < operations; n++) {
      const life = disk.fork({ kind: "kept" });
      life.stopAfter(n);
      const request = fresh();
      const lived = await live(life, change, request);
      const fate = fates[n % fates.length] as CrashVariant;
      const where = `stop at ${n} of ${operations}, ${JSON.stringify(fate)}`;
      // What is left of the old life works on its own disk, as a process that is gone.
      await judge(life.fork(fate), change, request, lived).catch((error: Error) => {
        throw new Error(`${where}: ${error.message}`, { cause: error });
      });
    }
  },
  400_000,
);
