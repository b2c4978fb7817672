// Goal: keys are rotated when a policy says so, once, without anybody asking; a policy that cannot
// be read refuses the start.
import { expect, test } from "vitest";
import { systemClock } from "../../platform/clock.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { openTestNode, type TestNode, until } from "../testing/harness.ts";
import { parsePolicy } from "./policy.ts";

const active = (node: TestNode) => node.node.keys.keyring().active;

test("policy: limits are of both keys or of the one that is named, the last one counts", () => {
  const never = Number.POSITIVE_INFINITY;
  expect(parsePolicy([])).toEqual({
    storage: { ageMs: never, bytes: never, writes: never },
    log: { ageMs: never, bytes: never, writes: never },
  });
  expect(parsePolicy(["30d", "storage:100GB", "log:1000000writes", "log:12h"])).toEqual({
    storage: { ageMs: 30 * 86_400_000, bytes: 100 * 2 ** 30, writes: never },
    log: { ageMs: 43_200_000, bytes: never, writes: 1_000_000 },
  });
});

test.each(["", "30", "d", "0d", "-1d", "30days", "index:30d", "1.5gb", "30 d"])(
  "policy: %j is refused",
  (text) => {
    expect(() => parsePolicy([text])).toThrow(/KEY_POLICY_INVALID/);
  },
);

test("policy: a start under one that cannot be read is refused", async () => {
  await expect(openTestNode(new MemoryDisk(), { rotateAfter: ["soon"] })).rejects.toMatchObject({
    code: "KEY_POLICY_INVALID",
  });
});

test("policy: each key is rotated once its limit is reached, and the other is not", async () => {
  const node = await openTestNode(new MemoryDisk(), { rotateAfter: ["log:40writes"] });
  for (let n = 0; n < 50; n++) await node.run("set", `k${n}`, "v");
  await until(() => active(node).log !== 2);
  expect(active(node)).toEqual({ storage: 1, log: 4, index: 3 });
  expect(node.node.keys.history().filter(({ kind }) => kind === "activate")).toHaveLength(1);
  await node.node.close();
});

test("policy: by age, from the entry's time on", async () => {
  let ahead = 0;
  const clock = {
    nowMs: () => Date.now() + ahead,
    monotonicMs: () => performance.now() + ahead,
    sinceBootMs: () => performance.now() + ahead,
  };
  const options = { rotateAfter: ["storage:2h"], clock: "trusted" as const };
  const node = await openTestNode(new MemoryDisk(), options, clock);
  await node.run("set", "k", "v");
  ahead = 3_700_000;
  await new Promise((done) => setTimeout(done, 250));
  expect(active(node).storage).toBe(1);
  ahead = 2 * 3_700_000;
  await until(() => active(node).storage === 4);
  await node.node.close();
});

test("policy: a start rotates keys that were active for an hour, no younger ones", async () => {
  const disk = new MemoryDisk();
  let ahead = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + ahead };
  const start = () => openTestNode(disk, { rotateOnStartup: true, clock: "trusted" }, clock);
  for (const [hours, storage, log] of [
    [0, 1, 2],
    [2, 4, 5],
    [0, 4, 5],
    [2, 6, 7],
  ] as const) {
    ahead += hours * 3_600_000;
    const node = await start();
    await until(() => active(node).storage === storage && active(node).log === log);
    await new Promise((done) => setTimeout(done, 50));
    expect(active(node)).toEqual({ storage, log, index: 3 });
    await node.node.close();
  }
});
