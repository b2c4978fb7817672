// Goal: whatever a start finds, it goes on where the last one stopped or refuses with a code.
// Method: a node of control on a disk in memory that stops at each of its operations, in every way
// that what was not synced can turn out.
import { describe, expect, test } from "vitest";
import { isStrongroomError } from "../base/errors.ts";
import { CrashError, type CrashVariant, MemoryDisk } from "../platform/testing/memory-disk.ts";
import {
  dataDir,
  type TestNode as Node,
  readLog,
  TestKek,
  TestNode,
  testRandom,
} from "./testing/world.ts";

const kek = new TestKek(7);
let seed = 100;

function setup(disk: MemoryDisk, more: Partial<Parameters<typeof TestNode.start>[0]> = {}) {
  return { disk, random: testRandom(seed++), keks: [kek], ...more };
}

const variants: CrashVariant[] = [{ kind: "dropped" }, { kind: "kept" }, { kind: "torn", seed: 5 }];

/** A life with everything that writes: start, writes, rotations, flushes. */
async function life(disk: MemoryDisk, encryption: "on" | "off" = "on"): Promise<Node> {
  const node = await TestNode.start(setup(disk, { encryption }));
  await node.write();
  if (encryption === "on") {
    await node.rotate("storage");
    node.flush();
    await node.write();
    await node.rotate("log");
  }
  await node.write();
  node.flush();
  await node.write();
  return node;
}

describe("first start", () => {
  test("a cluster is born encrypted: both envelopes are on before the first write", async () => {
    const disk = new MemoryDisk();
    const node = await TestNode.start(setup(disk));
    expect(node.state.storageCutover).toBe(2);
    expect(node.state.logCutover).toBe(3);
    expect(node.state.active("storage")?.id).toBe(1);
    expect(node.state.active("log")?.id).toBe(2);
    expect(node.state.active("index")?.id).toBe(3);
    expect(await node.write()).toBe("apply");
    expect(node.alarms).toEqual([]);
  });

  test("no raw key is in any file", async () => {
    const disk = new MemoryDisk();
    const random = testRandom(1);
    const node = await TestNode.start(setup(disk, { random }));
    expect(node.keystore.list().length).toBe(3);
    const raws = random.drawn.filter((bytes) => bytes.length === 32).slice(0, 3);
    for (const bytes of disk.contents().values())
      for (const raw of raws) {
        expect(bytes.includes(raw)).toBe(false);
        expect(bytes.includes(raw.toString("hex"))).toBe(false);
        expect(bytes.includes(raw.toString("base64").slice(0, 40))).toBe(false);
      }
  });
});

describe.each(["on", "off"] as const)("encryption %s: stopped at every operation", (encryption) => {
  test.each(variants)(
    "%o: the next start goes on, epochs and salts never repeat",
    async (variant) => {
      const count = await (async () => {
        const disk = new MemoryDisk();
        await life(disk, encryption);
        return disk.operations;
      })();
      expect(count).toBeGreaterThan(20);
      for (let stop = 1; stop <= count; stop++) {
        const disk = new MemoryDisk();
        disk.stopAfter(stop);
        await expect(life(disk, encryption)).rejects.toThrow(CrashError);
        disk.crash(variant);
        const before = readLog(disk).length;
        const again = await TestNode.start(setup(disk, { encryption }));
        expect(await again.write()).toBe("apply");
        again.flush();
        again.stop();
        expect(again.alarms).toEqual([]);
        expect(readLog(disk).length).toBeGreaterThan(before);
        expectNoLoadTwice(disk);
        const third = await TestNode.start(setup(disk, { encryption }));
        expect(await third.write()).toBe("apply");
      }
    },
  );
});

/** Every session number in the log, and every salt with its session, appears once. */
function expectNoLoadTwice(disk: MemoryDisk): void {
  const places = readLog(disk).map((entry) => entry.subarray(5, 21).toString("hex"));
  expect(new Set(places).size).toBe(places.length);
}

test("a restart counts one more load and keeps first_seen", async () => {
  const disk = new MemoryDisk();
  const first = await life(disk);
  const log = first.state.active("log")!.id;
  first.stop();
  const second = await TestNode.start(setup(disk));
  const row = second.state.writer(log, second.load.node.node16)!;
  expect([row.firstSeen, row.lastSeen]).toEqual([1, 2]);
  expect(second.keeper.epochOf(log)).toBe(2);
  expect(second.session).not.toBe(first.session);
});

test("epochs that find no room on the disk are refused by name, and change nothing", async () => {
  const disk = new MemoryDisk();
  const node = await TestNode.start(setup(disk));
  const before = node.keeper.document;
  disk.capacityBytes = 0;
  const raised = new Map([...before.keys].map(([id, key]) => [id, key.localEpoch + 1] as const));
  await expect(node.keeper.raiseEpochs(raised)).rejects.toMatchObject({
    code: "SIDECAR_DISK_FULL",
    retryable: true,
  });
  expect(node.keeper.document).toBe(before);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await node.keeper.raiseEpochs(raised);
  node.stop();
});

test("a whole old copy of the directory starts, and draws fresh salts", async () => {
  const disk = new MemoryDisk();
  const node = await life(disk);
  const copy = disk.fork({ kind: "kept" });
  node.stop();
  const here = await TestNode.start(setup(disk));
  const there = await TestNode.start(setup(copy));
  expect(there.load.log.epoch).toBe(here.load.log.epoch);
  expect(there.session).not.toBe(here.session);
});

test("a second process on the directory is refused, and the first goes on", async () => {
  const disk = new MemoryDisk();
  const node = await TestNode.start(setup(disk));
  await expect(TestNode.start(setup(disk))).rejects.toThrow(/DATA_DIR_IN_USE/);
  expect(await node.write()).toBe("apply");
});

test("a filesystem without directory fsync is refused before anything is written", async () => {
  const disk = new MemoryDisk({ noDirectorySync: true });
  await expect(TestNode.start(setup(disk))).rejects.toThrow(/DIRECTORY_FSYNC_UNSUPPORTED/);
  expect([...disk.contents().keys()]).toEqual([`${dataDir}/LOCK`]);
});

describe("KEK", () => {
  test("none: refused over a new directory and over data, nothing is written", async () => {
    const disk = new MemoryDisk();
    await expect(TestNode.start(setup(disk, { keks: [] }))).rejects.toThrow(/KEK_NOT_CONFIGURED/);
    (await life(disk)).stop();
    const before = disk.contents();
    await expect(TestNode.start(setup(disk, { keks: [] }))).rejects.toThrow(/KEK_NOT_CONFIGURED/);
    expect(disk.contents()).toEqual(before);
  });

  test("another one: KEK_WRONG; the right one again: everything is there", async () => {
    const disk = new MemoryDisk();
    (await life(disk)).stop();
    const before = disk.contents();
    const other = setup(disk, { keks: [new TestKek(8)] });
    await expect(TestNode.start(other)).rejects.toThrow(/KEK_WRONG/);
    expect(disk.contents()).toEqual(before);
    expect((await TestNode.start(setup(disk))).state.keys.size).toBe(5);
  });

  test("any of several opens; one out of reach is retryable only if no other opens", async () => {
    const disk = new MemoryDisk();
    const [one, two] = [new TestKek(1), new TestKek(2)];
    (await TestNode.start(setup(disk, { keks: [one, two] }))).stop();
    (await TestNode.start(setup(disk, { keks: [two] }))).stop();
    one.down = true;
    (await TestNode.start(setup(disk, { keks: [one, two] }))).stop();
    const error = await TestNode.start(setup(disk, { keks: [one] })).catch((e: unknown) => e);
    expect(isStrongroomError(error, "KEK_UNAVAILABLE")).toBe(true);
  });

  test("a damaged wrap under the right KEK is told apart from a wrong KEK", async () => {
    const disk = new MemoryDisk();
    (await TestNode.start(setup(disk))).stop();
    const impostor = new TestKek(9, kek.id);
    await expect(TestNode.start(setup(disk, { keks: [impostor] }))).rejects.toThrow(
      /KEY_WRAP_DAMAGED/,
    );
  });
});

describe("encryption", () => {
  test("off over sealed data is refused", async () => {
    const disk = new MemoryDisk();
    (await life(disk)).stop();
    await expect(TestNode.start(setup(disk, { encryption: "off" }))).rejects.toThrow(
      /ENCRYPTION_OFF_OVER_SEALED/,
    );
  });

  test("off is refused from the first durable step of an encrypted start on", async () => {
    const disk = new MemoryDisk();
    for (let stop = 1; ; stop++) {
      const run = new MemoryDisk();
      run.stopAfter(stop);
      const error = await TestNode.start(setup(run)).catch((e: unknown) => e);
      if (!(error instanceof CrashError)) break;
      run.crash({ kind: "kept" });
      if (run.status(`${dataDir}/encryption/keys.json`) === null) continue;
      await expect(TestNode.start(setup(run, { encryption: "off" }))).rejects.toThrow(
        /ENCRYPTION_OFF_OVER_SEALED/,
      );
    }
    expect(disk.operations).toBe(0);
  });

  test("on over data in clear is refused", async () => {
    const disk = new MemoryDisk();
    (await life(disk, "off")).stop();
    await expect(TestNode.start(setup(disk))).rejects.toThrow(/ENCRYPTION_ON_OVER_CLEAR/);
  });
});

test("another node id over the directory is refused", async () => {
  const disk = new MemoryDisk();
  (await TestNode.start(setup(disk))).stop();
  await expect(TestNode.start(setup(disk, { nodeId: "node-b" }))).rejects.toThrow(
    /NODE_ID_CHANGED/,
  );
});
