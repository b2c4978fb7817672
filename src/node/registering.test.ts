// Goal: a node that has few loads left under a key rotates it, and serves meanwhile, whatever keeps
// the rotation from being done: a start that is refused is repeated, and takes a load each time.
// Method: a node over a disk in memory whose epochs are raised; a KEK in the process that is away.
import { expect, test } from "vitest";
import type { SidecarKeeper } from "../control/keeper.ts";
import { epochRotateAt } from "../control/planning.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { Providers } from "./keys/testing/providers.ts";
import { openTestNode, type TestNode, until } from "./testing/harness.ts";

const active = (node: TestNode) => node.node.keys.keyring().active;

const keeperOf = ({ node: { engine } }: TestNode): SidecarKeeper => {
  type Deps<Of> = { deps: Of };
  const { deps } = engine as unknown as Deps<{
    group: Deps<{ host: Deps<{ keeper: SidecarKeeper }> }>;
  }>;
  return deps.group.deps.host.deps.keeper;
};

test("registering: a KEK that is away while few loads are left keeps no node down", async () => {
  const disk = new MemoryDisk();
  const keks = new Providers();
  let aheadMs = 0;
  const clock = {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now() + aheadMs,
    sinceBootMs: () => performance.now() + aheadMs,
  };
  const start = () =>
    openTestNode(disk, { keks: ["test:a", "test:b"] }, { openKek: keks.open, clock });
  const first = await start();
  await keeperOf(first).raiseEpochs(new Map([1, 2].map((id) => [id, epochRotateAt - 1])));
  await first.node.close();
  const away = keks.made.get("test:b");
  if (away === undefined) throw new Error("no such KEK");
  away.down = true;
  for (let n = 0; n < 2; n++) {
    const node = await start();
    expect(node.node.status().state).toBe("serving");
    expect(node.alarms.join("\n")).toMatch(/^rotation-failed: \[KEK_UNAVAILABLE\]/m);
    expect(await node.run("set", `k${n}`, "v")).toBe("+OK\r\n");
    expect(active(node)).toMatchObject({ storage: 1, log: 2 });
    await node.node.close();
  }
  // It is tried again while the node serves.
  const node = await start();
  await new Promise((done) => setTimeout(done, 250));
  expect(active(node)).toMatchObject({ storage: 1, log: 2 });
  away.down = false;
  aheadMs = 61_000;
  await until(() => active(node).storage !== 1 && active(node).log !== 2);
  expect(await node.run("dbsize")).toBe(":2\r\n");
  await node.node.close();
  const last = await start();
  expect(last.alarms.join()).not.toContain("rotation-failed");
  await last.node.close();
});

test("registering: a start with few loads left rotates before it serves", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  await keeperOf(first).raiseEpochs(new Map([1, 2].map((id) => [id, epochRotateAt - 1])));
  await first.node.close();
  const node = await openTestNode(disk);
  expect(active(node)).toEqual({ storage: 5, log: 4, index: 3 });
  await node.node.close();
});
