// Goal: whatever operation on the disk is the last one while a key is rewritten, nothing is lost,
// and once the request was answered the next start goes on with it unasked, to its end.
// Method: a directory is prepared once; then the machine stops at every counted operation of a
// start, a rewrite and a stop; what is found is used on.
import { expect, test } from "vitest";
import { type CrashVariant, MemoryDisk } from "../platform/testing/memory-disk.ts";
import { fresh, openTestNode, type TestNode } from "./testing/harness.ts";

const old = 1;
const count = 40;
const value = (n: number): string => `${n}`.padEnd(1800, "v");
const fates: CrashVariant[] = [
  { kind: "kept" },
  { kind: "dropped" },
  { kind: "torn", seed: 1 },
  { kind: "torn", seed: 2 },
];
const calm = { flushIntervalMs: 3_600_000, flushBytes: 1 << 20 };

/** Everything under the old key; the request to leave it so is durable. */
async function prepared(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, calm);
  for (let n = 0; n < count; n++) {
    await node.run("set", `k${n}`, value(n));
    if (n % 8 === 7) await node.node.checkpoint();
  }
  await node.node.keys.rotate("1".repeat(32), "storage", 0);
  await node.node.keys.startRewrite(fresh(), old, 1);
  await node.node.keys.cancelRewrite(fresh(), old);
  await node.node.close();
  return disk;
}

function under(disk: MemoryDisk): number {
  let bytes = 0;
  for (const [path, data] of disk.contents())
    if (path.endsWith(".segment") && data.length > 38 && data.readUInt32BE(34) === old)
      bytes += data.length;
  return bytes;
}

async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 4000 && !done(); turn++)
    await new Promise((resolve) => setTimeout(resolve, 1));
}

const isDone = (node: TestNode): boolean => node.node.keys.rewrite(old)?.state === "done";

/** @returns True if the request was answered before the stop. */
async function rewrite(disk: MemoryDisk): Promise<boolean> {
  let answered = false;
  let node: TestNode | null = null;
  try {
    node = await openTestNode(disk, calm);
    await node.node.keys.startRewrite(fresh(), old, 0);
    answered = true;
    await until(() => disk.crashed || isDone(node as TestNode));
    await node.node.close();
  } catch (error) {
    if (!disk.crashed) throw error;
    void node?.node.close().catch(() => {});
  }
  return answered;
}

async function judge(disk: MemoryDisk, answered: boolean, where: string): Promise<string[]> {
  const problems: string[] = [];
  const node = await openTestNode(disk, calm);
  const state = node.node.keys.rewrite(old)?.state;
  if (answered && state !== "running" && state !== "done") problems.push(`${where}: ${state}`);
  if (!answered && state === "cancelled") await node.node.keys.startRewrite(fresh(), old, 0);
  await until(() => isDone(node));
  if (!isDone(node)) problems.push(`${where}: not done`);
  // A file that was left by the stop goes while the node begins to serve.
  await until(() => under(disk) === 0);
  if (under(disk) > 0) problems.push(`${where}: ${under(disk)} bytes left`);
  for (let n = 0; n < count; n++)
    if (!(await node.run("get", `k${n}`)).includes(value(n))) problems.push(`${where}: k${n}`);
  await node.node.close();
  return problems;
}

test("rewrite: goes on after a stop at any operation, and loses nothing", async () => {
  const disk = await prepared();
  expect(under(disk)).toBeGreaterThan(count * 1800);
  const whole = disk.fork({ kind: "kept" });
  const before = whole.operations;
  expect(await rewrite(whole)).toBe(true);
  expect(under(whole)).toBe(0);
  const operations = whole.operations - before;
  expect(operations).toBeGreaterThan(30);
  const problems: string[] = [];
  for (let n = 1; n < operations; n++) {
    const life = disk.fork({ kind: "kept" });
    life.stopAfter(n);
    const answered = await rewrite(life);
    const fate = fates[n % fates.length] as CrashVariant;
    const where = `stop at ${n} of ${operations}, ${JSON.stringify(fate)}`;
    problems.push(...(await judge(life.fork(fate), answered, where)));
  }
  expect(problems).toEqual([]);
}, 400_000);
