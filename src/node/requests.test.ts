// Goal: a request that changed this node alone is done once under its id, also after a kill at any
// moment; an id stands for one thing; ids are not kept without end.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { readLocalRows, requestIdsMax } from "./localrows.ts";
import { LocalRequests } from "./requests.ts";
import { fresh, openTestNode, type TestNode } from "./testing/harness.ts";

const calm = { flushIntervalMs: 3_600_000, flushBytes: 1 << 20 };
const sidecar = "/data/encryption/keys.json";

async function filled(disk: MemoryDisk): Promise<TestNode> {
  const node = await openTestNode(disk, calm);
  for (let n = 0; n < 100; n++) await node.run("set", `k${n}`, `${n}`.padEnd(2000, "v"));
  await node.node.checkpoint();
  await node.node.keys.rotate(fresh(), "storage", 0);
  return node;
}

/** The disk as a kill leaves it; what the old process still does stays with the old one. */
function killed(disk: MemoryDisk, node: TestNode): MemoryDisk {
  const after = disk.fork({ kind: "dropped" });
  disk.stopAfter(0);
  void node.node.close().catch(() => {});
  return after;
}

test("requests: a step of a rewrite sent again after a kill is not done again", async () => {
  const disk = new MemoryDisk();
  const node = await filled(disk);
  const { keys } = node.node;
  const [started, paused, resumed, throttled] = [fresh(), fresh(), fresh(), fresh()];
  const first = await keys.startRewrite(started, 1, 1000);
  expect(first).toMatchObject({ changed: true, state: "running" });
  const pause = await keys.pauseRewrite(paused, 1);
  expect(pause).toMatchObject({ changed: true, state: "paused" });
  await keys.throttleRewrite(throttled, 1, 2000);
  await keys.resumeRewrite(resumed, 1);
  await keys.throttleRewrite(fresh(), 1, 3000);
  const next = await openTestNode(killed(disk, node), calm);
  const again = next.node.keys;
  const now = { changed: false, state: "running", bytesPerSecond: 3000 };
  const told = await again.pauseRewrite(paused, 1);
  expect(told).toMatchObject({ ...now, appliedIndex: pause.appliedIndex });
  expect(await again.startRewrite(started, 1, 1000)).toMatchObject(now);
  expect(await again.throttleRewrite(throttled, 1, 2000)).toMatchObject(now);
  expect(await again.resumeRewrite(resumed, 1)).toMatchObject(now);
  const cancelled = fresh();
  await again.cancelRewrite(cancelled, 1);
  await again.startRewrite(fresh(), 1, 5000);
  expect(await again.cancelRewrite(cancelled, 1)).toMatchObject({ state: "running" });
  await next.node.close();
});

test("requests: the mending of a sidecar is done once, and told as done", async () => {
  const disk = new MemoryDisk();
  const node = await filled(disk);
  const id = fresh();
  disk.unlink(sidecar);
  const mended = await node.node.keys.resync(id, true);
  expect(mended).toMatchObject({ done: true, changed: true });
  expect(mended.steps).toHaveLength(1);
  const after = killed(disk, node);
  const next = await openTestNode(after, calm);
  const { appliedIndex } = mended;
  const told = { steps: [], done: true, changed: false, appliedIndex };
  expect(await next.node.keys.resync(id, true)).toEqual(told);
  await next.node.close();
});

test("requests: an id stands for one change, in the log or not, after a kill too", async () => {
  const disk = new MemoryDisk();
  let node = await filled(disk);
  const [rewrite, rotation, fence] = [fresh(), fresh(), fresh()];
  await node.node.keys.startRewrite(rewrite, 1, 1000);
  await node.node.keys.rotate(rotation, "log", 0);
  await node.node.keys.fence(fence, 1);
  for (let round = 0; round < 2; round++) {
    const { keys } = node.node;
    const reused = [
      () => keys.pauseRewrite(rewrite, 1),
      () => keys.startRewrite(rewrite, 4, 1000),
      () => keys.resync(rewrite, true),
      () => keys.rotate(rewrite, "log", 0),
      () => keys.pauseRewrite(rotation, 1),
      () => keys.rotate(rotation, "storage", 0),
      () => keys.retire(rotation, 1),
      () => keys.fence(fence, 2),
      () => keys.retire(fence, 1),
      () => keys.registerWriter(fence),
      () => keys.addKek(fence, "env:STRONGROOM_TEST_KEK"),
    ];
    for (const change of reused)
      await expect(change()).rejects.toMatchObject({ code: "ADMIN_REQUEST_ID_REUSED" });
    expect(await keys.rotate(rotation, "log", 0)).toMatchObject({ changed: false });
    expect(await keys.fence(fence, 1)).toMatchObject({ changed: false });
    if (round === 0) node = await openTestNode(killed(disk, node), calm);
  }
  await node.node.close();
});

test("requests: one that could not be made durable is not known", async () => {
  const disk = new MemoryDisk();
  const node = await filled(disk);
  const { keys } = node.node;
  await keys.startRewrite(fresh(), 1, 1000);
  const id = fresh();
  disk.capacityBytes = [...disk.contents().values()].reduce((sum, { length }) => sum + length, 0);
  await expect(keys.pauseRewrite(id, 1)).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
  expect(keys.rewrite(1)?.state).toBe("running");
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  expect(await keys.pauseRewrite(id, 1)).toMatchObject({ changed: true, state: "paused" });
  await node.node.close();
});

test("requests: the oldest are forgotten, wherever they were read from", () => {
  let requests = new LocalRequests();
  const asked = (n: number) => {
    const request = Buffer.alloc(16);
    request.writeUInt32BE(n + 1);
    return { request, kind: "pause", keyId: 1 } as const;
  };
  const rows = new Map<string, ReturnType<LocalRequests["takeChanged"]>[number]>();
  for (let n = 0; n < requestIdsMax + 20; n++) {
    requests.note(asked(n), n).add();
    for (const row of requests.takeChanged()) {
      if (row.deleted) rows.delete(row.key.toString("hex"));
      else rows.set(row.key.toString("hex"), row);
    }
    if (n === requestIdsMax) {
      const kept = [...rows.values()].sort(() => (n % 2 === 0 ? 1 : -1));
      requests = new LocalRequests();
      requests.restore(readLocalRows(kept).requests);
    }
  }
  expect(rows.size).toBe(requestIdsMax);
  expect(requests.find(asked(19))).toBeNull();
  expect(requests.find(asked(20))).toEqual({ appliedIndex: 20, changed: false });
});
