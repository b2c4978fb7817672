// Goal: an entry that cannot be applied halts the node, also at a start, and an operator's word
// lets it pass: authenticated, with its reason kept, and never for another entry.
// Method: entries are put into the log of a stopped node; then it starts.
import { expect, test, vi } from "vitest";
import { StrongroomError } from "../../base/errors.ts";
import { append } from "../../commands/strings/append.ts";
import { entryHeaderBytes, writeEntryHeader } from "../../entry/logentry.ts";
import type { Machine } from "../../machine/machine.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { fresh, openTestNode, type TestNode } from "../testing/harness.ts";
import { diskEndingWith, haltingDisk } from "./testing/halting.ts";

const fill = async (node: TestNode): Promise<void> => {
  for (let n = 0; n < 5; n++) await node.run("set", `k${n}`, "v");
};
const halting = () => haltingDisk(fill);

test("skip: a bad entry halts the start, which can be told to pass it", async () => {
  const { disk, index } = await halting();
  const node = await openTestNode(disk);
  const { keys } = node.node;
  expect(node.node.status()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
  expect(keys.keyring().haltReason).toContain("CRYPTO_TAG_MISMATCH");
  expect(await node.run("get", "k4")).toMatch(/^-/);
  expect(await node.run("set", "k", "v")).toMatch(/^-/);
  await expect(keys.rotate(fresh(), "log", 0)).rejects.toMatchObject({ code: "NODE_HALTED" });
  for (const [at, reason] of [
    [index - 1, "another"],
    [index + 1, "another"],
    [index, ""],
    [index, "x".repeat(2000)],
  ] as const)
    await expect(keys.skip(fresh(), at, reason)).rejects.toMatchObject({
      code: "KEY_SKIP_REFUSED",
    });
  const id = fresh();
  const skipped = await keys.skip(id, index, "the disk had rotted");
  expect(skipped).toEqual({ appliedIndex: index + 1, changed: true });
  // This start never got a session to speak in: it stays halted, and says what to do.
  expect(node.alarms).toContain("restart-needed: the entry is passed by the next start");
  expect(node.node.status().state).toBe("halted");
  const same = await keys.skip(id, index, "the disk had rotted");
  expect(same).toEqual({ ...skipped, changed: false });
  await expect(keys.skip(fresh(), index, "once more")).rejects.toThrow(/restart the node/);
  await node.node.close();
  const next = await openTestNode(disk);
  expect(next.node.status().state).toBe("serving");
  expect(next.alarms).toContain(`entry-skipped: entry ${index}`);
  const told = next.node.keys.history().filter(({ kind }) => kind === "skip");
  expect(told).toMatchObject([
    {
      index: index + 1,
      detail: `entry ${index}: the disk had rotted`,
      proposer: expect.any(String),
    },
  ]);
  expect(await next.run("set", "k", "v")).toBe("+OK\r\n");
  await expect(next.node.keys.skip(fresh(), index, "again")).rejects.toMatchObject({
    code: "KEY_SKIP_REFUSED",
  });
  expect(await next.node.keys.skip(id, index, "again")).toEqual({ ...skipped, changed: false });
  await next.node.close();
  const last = await openTestNode(disk);
  expect(await last.run("dbsize")).toBe(":6\r\n");
  await last.node.close();
});

test("skip: a node that has not halted passes nothing", async () => {
  const node = await openTestNode(new MemoryDisk());
  await expect(node.node.keys.skip(fresh(), 3, "why not")).rejects.toMatchObject({
    code: "KEY_SKIP_REFUSED",
  });
  await node.node.close();
});

test("skip: a serving node whose memory is whole goes on at once, without a restart", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  expect(await node.run("set", "kept", "1")).toBe("+OK\r\n");
  const { machine } = (node.node.engine as unknown as { deps: { machine: Machine } }).deps;
  const apply = machine.apply.bind(machine);
  machine.apply = () => {
    machine.apply = apply;
    throw new StrongroomError("FORMAT_RANGE", "of a test");
  };
  const index = node.node.status().appliedIndex + 1;
  expect(await node.run("set", "passed", "1")).toMatch(/^-/);
  expect(await node.run("set", "refused", "1")).toMatch(/^-/);
  const { keys } = node.node;
  expect(keys.keyring()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
  const id = fresh();
  const skipped = await keys.skip(id, index, "it cannot be applied");
  expect(skipped.changed).toBe(true);
  expect(node.node.status().state).toBe("serving");
  expect(node.alarms.some((alarm) => alarm.startsWith("restart-needed"))).toBe(false);
  expect(await keys.skip(id, index, "again")).toEqual({ ...skipped, changed: false });
  for (let n = 0; n < 50; n++) expect(await node.run("set", `k${n}`, "1")).toBe("+OK\r\n");
  expect(await keys.rotate(fresh(), "log", 0)).toMatchObject({ changed: true });
  await node.node.checkpoint();
  const crashed = disk.fork({ kind: "dropped" });
  await node.node.close();
  for (const left of [disk, crashed]) {
    const next = await openTestNode(left);
    expect(await next.run("dbsize")).toBe(":51\r\n");
    expect(await next.run("get", "kept")).toBe("$1\r\n1\r\n");
    expect(await next.run("get", "passed")).toBe("$-1\r\n");
    await next.node.close();
  }
});

function entryWith(session: bigint, seq: number, change: (entry: Buffer) => void): Buffer {
  const entry = Buffer.alloc(entryHeaderBytes + 20, 1);
  writeEntryHeader(entry, 0, { keyId: 2, session, seq });
  change(entry);
  return entry;
}

const unreadable: Record<string, (session: bigint, seq: number) => Buffer> = {
  "cut to 5 bytes": () => Buffer.from([1, 0, 0, 0, 2]),
  "of another version": (session, seq) => entryWith(session, seq, (entry) => entry.fill(9, 0, 1)),
  "numbered beyond 2^53": (session, seq) =>
    entryWith(session, seq, (entry) => entry.fill(0xff, 13, 21)),
};

test.each(Object.entries(unreadable))(
  "skip: an entry whose header cannot be read (%s) halts the start, and may be passed",
  async (_, entryOf) => {
    const { disk, index } = await diskEndingWith(fill, entryOf);
    const node = await openTestNode(disk);
    expect(node.node.status()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
    expect(node.node.keys.keyring().haltReason).toMatch(new RegExp(`^entry ${index}: \\[FORMAT_`));
    const skipped = await node.node.keys.skip(fresh(), index, "of a test");
    expect(skipped).toEqual({ appliedIndex: index + 1, changed: true });
    await node.node.close();
    for (let n = 0; n < 2; n++) {
      const next = await openTestNode(disk);
      expect(next.node.status().state).toBe("serving");
      expect(await next.run("dbsize")).toBe(":5\r\n");
      expect(await next.run("set", "k0", "v")).toBe("+OK\r\n");
      await next.node.close();
    }
  },
);

const secret = "a value of a client";
const breakAppend = () =>
  vi.spyOn(append, "run").mockImplementation(() => {
    throw new RangeError(secret);
  });

/** A node, its disk, and the index of the entry that it proposes next. */
async function defective(): Promise<{ disk: MemoryDisk; index: number; live: TestNode }> {
  const disk = new MemoryDisk();
  const live = await openTestNode(disk, { flushIntervalMs: 1e9, flushBytes: 1 << 20 });
  await fill(live);
  const index = live.node.status().appliedIndex + 1;
  return { disk, index, live };
}

const told = (index: number): RegExp =>
  new RegExp(`^entry ${index}: \\[NODE_APPLY_DEFECT\\] .*: RangeError at skip.test.ts:\\d+$`);

test("skip: a defect of the program halts a node, and is told without its text", async () => {
  const { index, live } = await defective();
  const broken = breakAppend();
  try {
    expect(await live.run("append", "k0", "w")).toMatch(/^-ERR \[NODE_APPLY_DEFECT\]/);
    expect(live.node.keys.keyring()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
    expect(live.node.keys.keyring().haltReason).toMatch(told(index));
    expect(live.alarms.join()).not.toContain(secret);
  } finally {
    broken.mockRestore();
    await live.node.close().catch(() => {});
  }
});

test("skip: a defect halts a start; another version ends that, or a skip", async () => {
  const { disk, index, live } = await defective();
  const broken = breakAppend();
  try {
    await live.run("append", "k0", "w");
    await live.node.close().catch(() => {});
    const node = await openTestNode(disk);
    expect(node.node.status()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
    expect(node.node.keys.keyring().haltReason).toMatch(told(index));
    const alarms = node.alarms.join("\n");
    expect(alarms).toMatch(/^halted: entry .*; the applied index was not advanced.*; .*keys skip/m);
    expect(alarms).not.toContain(secret);
    expect(await node.run("get", "k0")).toMatch(/^-ERR \[NODE_HALTED\]/);
    const unpassed = disk.fork({ kind: "kept" });
    await node.node.keys.skip(fresh(), index, "it cannot be applied");
    expect(node.alarms).toContain("restart-needed: the entry is passed by the next start");
    await node.node.close();
    const next = await openTestNode(disk);
    expect(next.node.status().state).toBe("serving");
    expect(await next.run("get", "k0")).toBe("$1\r\nv\r\n");
    expect(await next.run("dbsize")).toBe(":5\r\n");
    await next.node.close();
    broken.mockRestore();
    const mended = await openTestNode(unpassed);
    expect(await mended.run("get", "k0")).toBe("$2\r\nvw\r\n");
    await mended.node.close();
  } finally {
    broken.mockRestore();
  }
});
