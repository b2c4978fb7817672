// Goal: a rewrite leaves nothing under its key, can be held, throttled and called off, and goes on
// after a stop at any operation without anybody asking again.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { fresh, openTestNode, type TestNode, until } from "./testing/harness.ts";

const request = (n: number): string => n.toString(16).padStart(32, "0");

async function fill(node: TestNode, keys: number, bytes = 2000): Promise<void> {
  for (let n = 0; n < keys; n++) await node.run("set", `k${n}`, `${n}`.padEnd(bytes, "v"));
  await node.node.checkpoint();
}

/** Bytes of the store under a key, by the files' own headers. */
function under(disk: MemoryDisk, keyId: number): number {
  let bytes = 0;
  for (const [path, data] of disk.contents())
    if (path.endsWith(".segment") && data.readUInt32BE(11 + 23) === keyId) bytes += data.length;
  return bytes;
}

/** Files that went from the manifest are removed in the background. */
function removals(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

test("rewrite: what is under the old key is sealed afresh, told by progress", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await fill(node, 200);
  const { keys } = node.node;
  const { keyId } = await keys.rotate(request(1), "storage", 0);
  const old = 1;
  expect(keyId).not.toBe(old);
  const before = under(disk, old);
  expect(before).toBeGreaterThan(300_000);
  const begun = await keys.startRewrite(fresh(), old, 0);
  expect(begun).toMatchObject({ keyId: old, state: "running", bytesPerSecond: 0 });
  expect(begun.bytesTotal).toBeGreaterThan(300_000);
  await until(() => keys.rewrite(old)?.state === "done");
  const done = keys.rewrite(old);
  expect(done).toMatchObject({ bytesDone: begun.bytesTotal, etaMs: 0 });
  expect(done?.recordsDone).toBeGreaterThanOrEqual(200);
  expect(under(disk, old)).toBe(0);
  for (let n = 0; n < 200; n += 17) expect(await node.run("get", `k${n}`)).toContain(`${n}v`);
  expect(keys.keyring().rewrites).toEqual([done]);
  await node.node.close();
});

test("rewrite: a paused one does nothing; a running one is throttled", async () => {
  const disk = new MemoryDisk();
  let node = await openTestNode(disk);
  await fill(node, 200);
  await node.node.keys.rotate(request(1), "storage", 0);
  await node.node.keys.startRewrite(fresh(), 1, 20_000);
  await node.node.keys.pauseRewrite(fresh(), 1);
  await removals();
  for (let round = 0; round < 3; round++) {
    const before = under(disk, 1);
    expect(before).toBeGreaterThan(100_000);
    await fill(node, 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(node.node.keys.rewrite(1)).toMatchObject({ state: "paused", currentBytesPerSecond: 0 });
    expect(node.node.keys.rewrite(1)?.etaMs).toBe(-1);
    expect(under(disk, 1)).toBe(before);
    await node.node.close();
    node = await openTestNode(disk);
  }
  const resumed = await node.node.keys.resumeRewrite(fresh(), 1);
  expect(resumed).toMatchObject({ state: "running", bytesPerSecond: 20_000 });
  expect(resumed.etaMs).toBeGreaterThan(1000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(under(disk, 1)).toBeGreaterThan(100_000);
  await node.node.keys.throttleRewrite(fresh(), 1, 0);
  await until(() => node.node.keys.rewrite(1)?.state === "done");
  expect(under(disk, 1)).toBe(0);
  await node.node.close();
});

test("rewrite: called off it leaves things as they are until it is asked for again", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await fill(node, 100);
  const { keys } = node.node;
  await keys.rotate(request(1), "storage", 0);
  await keys.startRewrite(fresh(), 1, 1000);
  expect(await keys.cancelRewrite(fresh(), 1)).toMatchObject({ state: "cancelled" });
  await removals();
  const before = under(disk, 1);
  await fill(node, 5);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(under(disk, 1)).toBe(before);
  await expect(keys.pauseRewrite(fresh(), 1)).rejects.toMatchObject({ code: "REWRITE_NOT_FOUND" });
  await keys.startRewrite(fresh(), 1, 0);
  await until(() => under(disk, 1) === 0);
  await node.node.close();
});

test("rewrite: what cannot be cleared is refused, each with its code", async () => {
  const node = await openTestNode(new MemoryDisk());
  const { keys } = node.node;
  const cases: [number, number, string][] = [
    [1, 0, "CONTROL_KEY_ACTIVE"],
    [2, 0, "CONTROL_KEY_ACTIVE"],
    [3, 0, "CONTROL_KEY_PURPOSE"],
    [9, 0, "CONTROL_KEY_UNKNOWN"],
    [1, -1, "REWRITE_RATE"],
    [1, 0.5, "REWRITE_RATE"],
  ];
  for (const [keyId, rate, code] of cases)
    await expect(keys.startRewrite(fresh(), keyId, rate)).rejects.toMatchObject({ code });
  for (const change of [keys.pauseRewrite, keys.resumeRewrite, keys.cancelRewrite])
    await expect(change(fresh(), 1)).rejects.toMatchObject({ code: "REWRITE_NOT_FOUND" });
  expect(keys.rewrite(1)).toBeNull();
  await node.node.close();
});

test("rewrite: of a log key leaves no log file that was there, while writes go on", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await fill(node, 100);
  const { keys } = node.node;
  await keys.rotate(request(1), "log", 0);
  const names = () => disk.list("/data/log").filter((name) => /^\d/.test(name));
  const before = names();
  const writing = fill(node, 50);
  const done = await keys.startRewrite(fresh(), 2, 0);
  await writing;
  expect(done).toMatchObject({ keyId: 2, state: "done", etaMs: 0 });
  expect(names().filter((name) => before.includes(name))).toEqual([]);
  for (let n = 0; n < 50; n += 7) expect(await node.run("get", `k${n}`)).toContain(`${n}v`);
  await node.node.close();
});
