// Goal: `verify` finds nothing wrong exactly where a start would serve: what is lost, or of another
// moment, is told with the code that the start refuses with; what a start mends is no damage.
// Method: a disk in memory, copied before each case; the same copy is verified, then started.
import { expect, test } from "vitest";
import type { NodeOptions } from "../../node/api.ts";
import { diskEndingWith } from "../../node/keys/testing/halting.ts";
import { openTestNode, type TestNode } from "../../node/testing/harness.ts";
import { loadPrimitives } from "../../platform/primitives.ts";
import { systemRandom } from "../../platform/random.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { rewriteFile } from "../../store/testing/faults.ts";
import { verifyDirectory } from "./directory.ts";
import type { VerifyResult } from "./findings.ts";

const sidecar = "/data/encryption/keys.json";
const kek = "env:STRONGROOM_TEST_KEK";
const request = (n: number): string => n.toString(16).padStart(32, "0");
const copyOf = (disk: MemoryDisk): MemoryDisk => disk.fork({ kind: "kept" });

function verified(disk: MemoryDisk, keks = [kek]): Promise<VerifyResult> {
  // Of the node's harness; whoever opens the KEK takes it out of the environment.
  process.env.STRONGROOM_TEST_KEK = "07".repeat(32);
  const deps = { disk, random: systemRandom, primitives: loadPrimitives() };
  return verifyDirectory(deps, "/data", keks);
}

async function use(
  disk: MemoryDisk,
  work: (node: TestNode) => Promise<unknown>,
  options: Partial<NodeOptions> = {},
): Promise<void> {
  const node = await openTestNode(disk, options);
  await work(node);
  await node.node.close();
}

async function fill(node: TestNode, from = 0): Promise<void> {
  for (let n = from; n < from + 60; n++) await node.run("set", `k${n}`, `${n}`.repeat(500));
  await node.node.checkpoint();
}

/** Filled over several files of the log, so that the first ones are gone. */
async function filled(options: Partial<NodeOptions> = {}): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (let turn = 0; turn < 4; turn++) await use(disk, (node) => fill(node, turn * 60), options);
  return disk;
}

function remove(disk: MemoryDisk, ...folders: string[]): MemoryDisk {
  for (const path of disk.contents().keys())
    if (folders.some((folder) => path.startsWith(`/data/${folder}/`))) disk.unlink(path);
  return disk;
}

/** The folder as it is on another disk. */
function replace(disk: MemoryDisk, folder: string, other: MemoryDisk): MemoryDisk {
  remove(disk, folder);
  for (const [path, bytes] of other.contents())
    if (path.startsWith(`/data/${folder}/`)) rewriteFile(disk, path, bytes);
  return disk;
}

/** What a start says, "" if it serves. */
async function started(disk: MemoryDisk, options: Partial<NodeOptions> = {}): Promise<string> {
  try {
    await use(disk, (node) => node.run("set", "after", "x"), options);
    return "";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The codes of what was found, or the one that kept the directory from being opened. */
async function codes(disk: MemoryDisk, keks = [kek]): Promise<string> {
  const all = (result: VerifyResult) =>
    result.damage.map(({ problem }) => /^\[(\w+)\]/.exec(problem)?.[1]).join();
  return verified(disk, keks).then(all, (error: { code?: string }) => String(error.code));
}

test("verify: a folder that is gone or of another moment is told as a start tells it", async () => {
  const disk = await filled();
  const older = copyOf(disk);
  await use(disk, (node) => fill(node, 300));
  const foreign = await filled();
  const cases: [string, MemoryDisk][] = [
    ["NODE_LOG_GAP", remove(copyOf(disk), "store")],
    ["NODE_LOG_BEHIND", remove(copyOf(disk), "log")],
    ["NODE_LOG_BEHIND", replace(copyOf(disk), "log", older)],
    ["SIDECAR_NEWER", remove(copyOf(disk), "log", "store")],
    ["SIDECAR_FOREIGN", replace(copyOf(disk), "store", foreign)],
    ["SIDECAR_MISSING", remove(copyOf(disk), "encryption", "store")],
  ];
  for (const [code, lost] of cases) {
    expect(await codes(copyOf(lost)), code).toBe(code);
    expect(await started(lost), code).toBe(code);
  }
  expect(await codes(disk)).toBe("");
  expect(await started(disk)).toBe("");
});

test("verify: a log of another timeline is told with what to do, as a start tells it", async () => {
  const disk = await filled();
  const fork = copyOf(disk);
  await use(disk, (node) => fill(node, 300));
  await use(fork, (node) => fill(node, 400));
  const mixed = replace(copyOf(disk), "log", fork);
  const { damage } = await verified(mixed);
  expect(damage.map(({ path }) => path)).toEqual(["."]);
  expect(damage[0]?.problem).toMatch(/^\[NODE_LOG_FOREIGN\] .*another history.*; put back log/);
  expect(await started(mixed)).toBe("NODE_LOG_FOREIGN");
});

test("verify: what does not go together is opened all the same", async () => {
  const disk = new MemoryDisk();
  let older = disk;
  await use(disk, async (node) => {
    await fill(node);
    older = copyOf(disk);
    await fill(node);
  });
  const { damage, counts } = await verified(replace(disk, "log", older));
  expect(damage).toHaveLength(1);
  expect(counts["log entries"]).toBeGreaterThan(0);
  expect(counts.records).toBeGreaterThan(60);
});

test("verify: a directory that holds nothing of ours is refused, and nothing is made", async () => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/data/photos");
  expect(await codes(disk)).toBe("DATA_DIR_EMPTY");
  disk.open("/data/photos/one.jpg", { mode: "create" }).close();
  disk.open("/data/lock", { mode: "create" }).close();
  expect(await codes(disk)).toBe("DATA_DIR_EMPTY");
  expect([...disk.contents().keys()].sort()).toEqual(["/data/lock", "/data/photos/one.jpg"]);
});

const rebuiltByStart = "sidecar missing, a start rebuilds it (no damage)";

test("verify: a sidecar that a start rebuilds from the store is told, and no damage", async () => {
  const whole = await filled();
  const { counts } = await verified(whole);
  const disk = remove(copyOf(whole), "encryption");
  const without = await verified(disk);
  expect(without).toMatchObject({ damage: [], counts });
  expect(Object.keys(without.counts)).toContain(rebuiltByStart);
  expect(disk.status(sidecar)).toBeNull();
  expect(await codes(disk, [])).toBe("KEK_NOT_CONFIGURED");
  expect(await started(disk)).toBe("");
  const clear = remove(await filled({ encryption: "off" }), "encryption");
  expect(await codes(clear, [])).toBe("SIDECAR_MISSING");
  expect(await started(clear, { encryption: "off" })).toBe("SIDECAR_MISSING");
});

test("verify: a sidecar that a start rebuilds from the log is told, and no damage", async () => {
  for (const encryption of ["on", "off"] as const) {
    const live = new MemoryDisk();
    const options = { encryption, flushBytes: 1 << 20, flushIntervalMs: 3_600_000 };
    const node = await openTestNode(live, { ...options, nodeId: "alpha" });
    await node.run("set", "k", "v");
    const disk = remove(copyOf(live), "encryption");
    await node.node.close();
    // As `serve` leaves it.
    disk.makeDirectory("/data/run");
    rewriteFile(disk, "/data/run/node.json", Buffer.from('{"nodeId":"alpha"}'));
    const { counts, damage } = await verified(disk, encryption === "on" ? [kek] : []);
    expect(damage).toEqual([]);
    expect(Object.keys(counts)).toContain(rebuiltByStart);
    expect(await started(disk, options)).toBe("");
  }
});

test("verify: what an older sidecar lacks is opened with keys of store and log", async () => {
  const disk = await filled();
  const copies = [disk.readFile(sidecar)];
  for (let turn = 0; turn < 2; turn++)
    await use(disk, async (node) => {
      await node.node.keys.rotate(request(10 + turn), "storage", 0);
      await node.node.keys.rotate(request(20 + turn), "log", 0);
      await fill(node, turn * 30);
      copies.push(disk.readFile(sidecar));
    });
  const whole = (await verified(disk)).counts;
  for (const copy of copies) {
    const forked = copyOf(disk);
    rewriteFile(forked, sidecar, copy);
    const { counts, damage } = await verified(forked);
    expect(damage).toEqual([]);
    for (const what of ["records", "log entries", "control entries"])
      expect([what, counts[what]]).toEqual([what, whole[what]]);
    expect(await started(forked)).toBe("");
  }
});

test("verify: log and store of a kill, and those of a move to sealed, are whole", async () => {
  const disk = new MemoryDisk();
  const off = { encryption: "off", flushIntervalMs: 3_600_000 } as const;
  const node = await openTestNode(disk, off);
  for (let n = 0; n < 20; n++) await node.run("set", `k${n}`, "v");
  expect(await codes(copyOf(disk), [])).toBe("");
  await node.node.keys.bootstrap(request(1));
  expect(await codes(copyOf(disk))).toBe("");
  await node.node.keys.enableStorage(request(2));
  for (let n = 0; n < 20; n++) await node.run("set", `k${n}`, "w");
  expect(await codes(copyOf(disk))).toBe("");
  await node.node.close();
  expect(await codes(disk)).toBe("");
});

test("verify: an entry that cannot be read is told, and alone once it was passed", async () => {
  const cut = () => Buffer.from([1, 0, 0, 0, 2]);
  const { disk, index } = await diskEndingWith((node) => node.run("set", "k", "v"), cut);
  expect(await codes(disk)).toBe("FORMAT_TRUNCATED,FORMAT_TRUNCATED");
  await use(disk, (node) => node.node.keys.skip(request(1), index, "of a test"));
  const { damage } = await verified(disk);
  expect(damage.map(({ path }) => path)).toEqual(["log"]);
  expect(await started(disk)).toBe("");
});
