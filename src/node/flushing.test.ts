// Goal: a flush waits while changes overwrite each other, because it then writes less, and for
// nothing else; what waits is bounded in the log, too.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { openTestNode, type TestNode } from "./testing/harness.ts";

const flushBytes = 64 << 10;
const value = "v".repeat(1000);

/** Whether something was flushed from now on. */
function watch(node: TestNode): () => boolean {
  const { durableIndex } = node.node.status();
  return () => node.node.status().durableIndex > durableIndex;
}

/** A node that flushes for the amount of changes alone; nothing is in its store yet. */
async function open(bytes = flushBytes): Promise<{ node: TestNode; flushed: () => boolean }> {
  const limits = { flushBytes: bytes, flushIntervalMs: 100_000, cacheBytes: 4 << 20 };
  const node = await openTestNode(new MemoryDisk(), limits);
  await node.node.checkpoint();
  return { node, flushed: watch(node) };
}

async function settle(node: TestNode): Promise<void> {
  await node.run("set", "last", "1");
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setTimeout(done, 1));
}

test("flushing: begins at its bound when every change is of another key", async () => {
  const { node, flushed } = await open();
  for (let n = 0; n < 100; n++) await node.run("set", `k${n}`, value);
  await settle(node);
  expect(flushed()).toBe(true);
  await node.node.close();
});

test("flushing: begins earlier once the cache is made smaller", async () => {
  const limits = { flushBytes: 4 << 20, flushIntervalMs: 100_000, cacheBytes: 64 << 20 };
  const node = await openTestNode(new MemoryDisk(), limits);
  await node.node.checkpoint();
  const flushed = watch(node);
  for (let n = 0; n < 700; n++) await node.run("set", `k${n}`, value);
  await settle(node);
  expect(flushed()).toBe(false);
  expect(node.node.engine.settings.set("cache-bytes", String(4 << 20))).toBe(null);
  await settle(node);
  expect(flushed()).toBe(true);
  await node.node.close();
});

test("flushing: waits while keys are written again, but not above a bound of the log", async () => {
  const { node, flushed } = await open();
  const write = (n: number): Promise<string> => node.run("set", `k${n}`, value);
  for (let n = 0; n < 100; n++) await write(n % 25);
  for (let n = 0; n < 150; n++) await write(n % 75);
  await settle(node);
  expect(flushed()).toBe(false);
  const { bytes } = node.node.status().log;
  expect(bytes).toBeGreaterThan(4 * flushBytes);
  for (let n = 0; n < 150; n++) await write(n % 75);
  await settle(node);
  expect(flushed()).toBe(true);
  expect(await node.run("get", "k74")).toContain(value);
  await node.node.close();
});

test("flushing: in a full cache it waits only while its run has room beside it", async () => {
  const { node } = await open(4 * flushBytes);
  for (let n = 0; n < 4000; n++) await node.run("set", `k${n}`, value);
  await node.node.checkpoint();
  const { bytes, limit } = node.node.status().resident;
  expect(bytes / limit).toBeGreaterThan(0.95);
  expect(bytes / limit).toBeLessThanOrEqual(1);
  const flushed = watch(node);
  // Every eighth a key again: above the bound of a flush, and then above an eighth of the cache.
  const write = (n: number): Promise<string> => node.run("set", `k${n - (n >> 3)}`, value);
  for (let n = 0; n < 400; n++) await write(n);
  await settle(node);
  expect(flushed()).toBe(false);
  for (let n = 400; n < 800; n++) await write(n);
  await settle(node);
  expect(flushed()).toBe(true);
  await node.node.close();
});

test("flushing: a run that was let grow makes no writer wait while it is written", async () => {
  const { node, flushed } = await open(8 * flushBytes);
  const { engine } = node.node;
  // More than a quarter of the cache, less than five eighths, every eighth a key again.
  const small = value.slice(0, 500);
  for (let n = 0; n < 2600; n++) await node.run("set", `k${n - (n >> 3)}`, small);
  expect(flushed()).toBe(false);
  let landed = false;
  const flush = node.node.checkpoint().then(() => {
    landed = true;
  });
  const waited: boolean[] = [];
  while (!landed) {
    waited.push(engine.busy);
    await new Promise((done) => setImmediate(done));
  }
  await flush;
  expect(waited.length).toBeGreaterThan(3);
  expect(waited).not.toContain(true);
  await node.node.close();
});
