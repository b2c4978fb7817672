// Goal: writers who wait because the next run would find no room go on as soon as a run has landed,
// and do not wait for a timer. Method: a flush whose slices are slow, so that much is changed
// meanwhile, in a full cache.
import { expect, test } from "vitest";
import { systemScheduler } from "../platform/scheduler.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { openTestNode } from "./testing/harness.ts";

const limits = { flushBytes: 256 << 10, flushIntervalMs: 100_000, cacheBytes: 4 << 20 };
const value = "v".repeat(1000);
const small = "s".repeat(200);
const large = "w".repeat(60_000);

test("waiting: writers wait for room, and go on as soon as a run has landed", async () => {
  let slow = false;
  const scheduler = {
    yieldNow: () =>
      slow ? new Promise<void>((done) => setTimeout(done, 40)) : systemScheduler.yieldNow(),
    delay: (ms: number) => systemScheduler.delay(ms),
  };
  const node = await openTestNode(new MemoryDisk(), limits, { scheduler });
  const { engine } = node.node;
  for (let n = 0; n < 4000; n++) await node.run("set", `k${n}`, value);
  await node.node.checkpoint();
  let waited = 0;
  for (let round = 0; round < 5; round++) {
    // Every eighth a key again.
    for (let n = 0; n < 1200; n++) await node.run("set", `k${n - (n >> 3)}`, small);
    slow = true;
    let landed = false;
    const flush = node.node.checkpoint().then(() => {
      landed = true;
    });
    await new Promise((done) => setTimeout(done, 45));
    const writes = Array.from({ length: 40 }, (_, n) => node.run("set", `b${n % 20}`, large));
    await Promise.all(writes);
    if (engine.busy && !landed) waited++;
    let told = false;
    engine.onReady = () => {
      told = true;
    };
    await flush;
    slow = false;
    for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
    expect([told || !engine.busy, engine.busy]).toEqual([true, false]);
    await node.node.checkpoint();
  }
  expect(waited).toBeGreaterThan(0);
  await node.node.close();
});
