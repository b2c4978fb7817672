// Goal: a serving node finds every place that does not open, names it, and finds nothing where all
// is well, while clients write and the compactor works.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { openTestNode, type TestNode } from "./testing/harness.ts";
import type { VerifyProgress } from "./verification.ts";

async function fill(node: TestNode, keys: number, from = 0): Promise<void> {
  for (let n = from; n < from + keys; n++) await node.run("set", `k${n}`, `${n}`.padEnd(1000, "v"));
  await node.node.checkpoint();
}

async function verified(node: TestNode, bytesPerSecond = 2 ** 40): Promise<VerifyProgress> {
  let last: VerifyProgress | null = null;
  for await (const progress of node.node.verify(bytesPerSecond)) last = progress;
  expect(last?.phase).toBe("done");
  return last as VerifyProgress;
}

/** Changes one byte in the middle of the largest file that ends so. */
function damage(disk: MemoryDisk, ending: string): void {
  const files = [...disk.contents()].filter(([name]) => name.endsWith(ending));
  const [path, data] = files.sort(([, one], [, other]) => other.length - one.length)[0] ?? ["", ""];
  disk.rot(path, Math.floor(data.length / 2));
}

test("verification: a whole node is clean, counted, and goes on serving", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await fill(node, 300);
  await node.node.keys.rotate("1".padStart(32, "0"), "storage", 0);
  const writing = fill(node, 300, 300);
  const during = await verified(node);
  await writing;
  expect(during).toMatchObject({ clean: true, failures: 0, findings: [] });
  const after = await verified(node);
  expect(after.clean).toBe(true);
  expect(after.records).toBeGreaterThanOrEqual(600);
  expect(after.entries).toBeGreaterThan(0);
  expect(after.bytesTotal).toBeGreaterThanOrEqual(after.bytes);
  expect(await node.run("get", "k5")).toContain("5vvv");
  await node.node.close();
});

test("verification: a changed byte of the store is found, and its segment named", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await fill(node, 100);
  await verified(node);
  damage(disk, ".segment");
  const { clean, failures, findings } = await verified(node);
  expect([clean, failures > 0]).toEqual([false, true]);
  expect(findings[0]?.place).toMatch(/^segment \d+/);
  expect(findings[0]?.code).toMatch(/^(FILE_FRAME_DAMAGED|STORE_DAMAGED|CRYPTO_TAG_MISMATCH)$/);
  await node.node.close().catch(() => {});
});

test("verification: it keeps to its speed and ends when nobody listens", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await fill(node, 200);
  const begun = performance.now();
  for await (const progress of node.node.verify(100_000)) {
    expect(progress.bytes).toBeLessThan(2 ** 20);
    if (performance.now() - begun > 600) break;
  }
  expect(performance.now() - begun).toBeLessThan(3000);
  await node.node.close();
});

test("verification: a clear node is verified by its checksums", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, { encryption: "off" });
  await fill(node, 100);
  const { clean, records, entries } = await verified(node);
  expect([clean, records >= 100, entries > 0]).toEqual([true, true, true]);
  await node.node.close();
});
