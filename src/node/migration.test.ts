// Goal: a plaintext database becomes a sealed one while it is written to, whatever moment the
// machine stops at: nothing acknowledged is lost or doubled, no step is taken out of order, and in
// the end nothing readable is left in any file.
// Method: the steps over a disk in memory, every value and key name holding a canary; then the same
// with a stop at every operation of the disk, a restart, and on until the end.
import { expect, test } from "vitest";
import { type CrashVariant, MemoryDisk } from "../platform/testing/memory-disk.ts";
import { fresh, openTestNode, type TestNode } from "./testing/harness.ts";

const off = { encryption: "off" } as const;
const canary = "CANARY";
const request = (n: number): string => n.toString(16).padStart(32, "0");
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

/** Files that hold the canary, or the index key of a database that began in clear. */
function readable(disk: MemoryDisk, indexKey: Buffer): string[] {
  const needles = [Buffer.from(canary), indexKey, Buffer.from(indexKey.toString("hex"))];
  return [...disk.contents()]
    .filter(([, bytes]) => needles.some((needle) => bytes.includes(needle)))
    .map(([path]) => path);
}

function clearIndexKey(disk: MemoryDisk): Buffer {
  const sidecar = JSON.parse(String(disk.contents().get("/data/encryption/keys.json")));
  return Buffer.from(sidecar.clear_index_key.key, "hex");
}

/** Counters that only this writes: each is as high as the last acknowledged INCR, or one more. */
class Counters {
  private readonly values = new Map<string, number>();
  private doubt: string | null = null;
  private turn = 0;

  async write(node: TestNode, times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const key = `${canary}:n${this.turn++ % 7}`;
      this.doubt = key;
      const reply = await node.run("incr", key);
      const next = (this.values.get(key) ?? 0) + 1;
      if (reply.startsWith("-")) throw new Error(reply);
      expect(reply).toBe(`:${next}\r\n`);
      this.values.set(key, next);
      this.doubt = null;
      const filler = await node.run("set", `${canary}:v${this.turn % 31}`, canary.repeat(40));
      if (filler.startsWith("-")) throw new Error(filler);
    }
  }

  /** After a stop the command in doubt may have been done, once. */
  async check(node: TestNode): Promise<void> {
    for (const [key, value] of this.values) {
      const allowed = key === this.doubt ? [value, value + 1] : [value];
      const reply = await node.run("get", key);
      const found = Number(reply.split("\r\n")[1]);
      expect(allowed).toContain(found);
      this.values.set(key, found);
    }
    if (this.doubt !== null && !this.values.has(this.doubt)) {
      const reply = await node.run("get", this.doubt);
      if (reply !== "$-1\r\n") this.values.set(this.doubt, 1);
    }
    this.doubt = null;
  }
}

async function enableLogWhenClear(node: TestNode, counters: Counters): Promise<void> {
  for (;;) {
    try {
      await node.node.keys.enableLog(request(3));
      return;
    } catch (error) {
      if (!(error as Error).message.includes("clear segments")) throw error;
      if (node.node.keys.rewrite(0) === null) await node.node.keys.startRewrite(fresh(), 0, 0);
      await counters.write(node, 3);
      await pause();
    }
  }
}

/** All steps that are left, writing all along. */
async function migrate(node: TestNode, counters: Counters): Promise<void> {
  const { keys } = node.node;
  await counters.write(node, 12);
  await keys.bootstrap(request(1));
  await counters.write(node, 8);
  await keys.enableStorage(request(2));
  await counters.write(node, 8);
  await enableLogWhenClear(node, counters);
  await counters.write(node, 8);
}

test("migration: no step comes before the one that it needs", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, off);
  const { keys } = node.node;
  await expect(keys.enableStorage(request(1))).rejects.toThrow("CONTROL_NOT_BOOTSTRAPPED");
  await expect(keys.enableLog(request(2))).rejects.toThrow("CONTROL_NOT_BOOTSTRAPPED");
  const first = await keys.bootstrap(request(3));
  expect(first.changed).toBe(true);
  expect(await keys.bootstrap(request(4))).toEqual({ ...first, changed: false });
  await expect(keys.enableLog(request(5))).rejects.toThrow("CONTROL_CUTOVER_ORDER");
  await node.node.close();
});

test("migration: without a KEK there is no bootstrap", async () => {
  const node = await openTestNode(new MemoryDisk(), { ...off, keks: [] });
  await expect(node.node.keys.bootstrap(request(1))).rejects.toThrow("KEK_NOT_CONFIGURED");
  await node.node.close();
});

test("confidentiality: once all steps are done nothing readable is in any file", async () => {
  const disk = new MemoryDisk();
  const counters = new Counters();
  const node = await openTestNode(disk, off);
  const indexKey = clearIndexKey(disk);
  await migrate(node, counters);
  await node.node.checkpoint();
  expect(readable(disk, indexKey)).toEqual([]);
  await counters.check(node);
  await node.node.close();
  expect(readable(disk, indexKey)).toEqual([]);
  const again = await openTestNode(disk);
  await counters.check(again);
  await counters.write(again, 30);
  await again.node.close();
  await expect(openTestNode(disk, off)).rejects.toThrow("ENCRYPTION_OFF_OVER_SEALED");
});

test("migration: before the storage cutover either flag starts it, after it only one", async () => {
  const disk = new MemoryDisk();
  const counters = new Counters();
  let node = await openTestNode(disk, off);
  await counters.write(node, 30);
  await node.node.close();
  await expect(openTestNode(disk)).rejects.toThrow("ENCRYPTION_ON_OVER_CLEAR");
  node = await openTestNode(disk, off);
  await node.node.keys.bootstrap(request(1));
  await counters.write(node, 30);
  await node.node.close();
  for (const flags of [off, {}, off]) {
    node = await openTestNode(disk, flags);
    await counters.check(node);
    await counters.write(node, 30);
    await node.node.close();
  }
  node = await openTestNode(disk);
  await node.node.keys.enableStorage(request(2));
  await node.node.close();
  await expect(openTestNode(disk, off)).rejects.toThrow("ENCRYPTION_OFF_OVER_SEALED");
  node = await openTestNode(disk);
  await enableLogWhenClear(node, counters);
  await counters.check(node);
  await node.node.close();
});

test("migration: a sidecar that is lost on the way is rebuilt, and the way goes on", async () => {
  for (const steps of [1, 2]) {
    let disk = new MemoryDisk();
    const counters = new Counters();
    let node = await openTestNode(disk, off);
    const indexKey = clearIndexKey(disk);
    await counters.write(node, 30);
    await node.node.keys.bootstrap(request(1));
    if (steps > 1) await node.node.keys.enableStorage(request(2));
    await counters.write(node, 10);
    await node.node.close();
    disk = disk.fork({ kind: "kept" });
    disk.unlink("/data/encryption/keys.json");
    disk.syncDirectory("/data/encryption");
    node = await openTestNode(disk, steps > 1 ? {} : off);
    await counters.check(node);
    await migrate(node, counters);
    await node.node.checkpoint();
    expect(readable(disk, indexKey)).toEqual([]);
    await node.node.close();
  }
});

const fates: readonly CrashVariant[] = [
  { kind: "kept" },
  { kind: "dropped" },
  { kind: "torn", seed: 1 },
];

/** A life that stops at operation `at`, then lives without a stop until all is done. */
async function stopAt(at: number): Promise<boolean> {
  let disk = new MemoryDisk();
  const counters = new Counters();
  const early = await openTestNode(disk, off);
  const indexKey = clearIndexKey(disk);
  await counters.write(early, 20);
  disk.stopAfter(at);
  let finished = false;
  try {
    await migrate(early, counters);
    finished = true;
  } catch (error) {
    if (!disk.crashed) throw error;
  }
  const fate = fates[at % fates.length] as CrashVariant;
  const after = disk.fork(fate);
  disk.stopAfter(0);
  void early.node.close().catch(() => {});
  disk = after;
  // Whoever restarts it does so as before, until he is told that there is no way back.
  const node = await openTestNode(disk, off).catch((error: Error) => {
    expect(error.message).toContain("ENCRYPTION_OFF_OVER_SEALED");
    return openTestNode(disk);
  });
  await counters.check(node);
  await migrate(node, counters);
  await node.node.checkpoint();
  await counters.check(node);
  expect(node.alarms).toEqual([]);
  expect(readable(disk, indexKey)).toEqual([]);
  await node.node.close();
  return finished;
}

/** STRONGROOM_TEST_EVERY=1 stops at each operation, as a release is tried. */
const stride = Number(process.env.STRONGROOM_TEST_EVERY ?? 7);

test("migration: goes on wherever it was stopped", async () => {
  let stops = 0;
  for (let at = 1; !(await stopAt(at)); at += stride) stops++;
  expect(stops).toBeGreaterThan(100 / stride);
}, 240_000);
