// Goal: whatever operation on the disk was the last, and whatever of it survived, recovery finds
// exactly the state of one commit: at least the last one acknowledged, at most the last one begun.
// Method: the machine stops at every counted operation of a script with flushes, rolls, compaction,
// rotation and reopening; what is found is compared with an oracle, and then used on. Or a sync of
// the script fails, each in turn: the next process goes on, and then the power fails.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { fingerprint } from "../testing/faults.ts";
import { TestKeys } from "../testing/keys.ts";
import { Oracle, openTestStore, script } from "../testing/world.ts";

const variants = [
  { kind: "dropped" },
  { kind: "kept" },
  { kind: "torn", seed: 1 },
  { kind: "torn", seed: 2 },
] as const;

async function operationsOf(): Promise<number> {
  const disk = new MemoryDisk();
  await script(disk, new TestKeys(), new Oracle(), () => {});
  return disk.operations;
}

async function crashAt(operation: number): Promise<string[]> {
  const disk = new MemoryDisk();
  disk.stopAfter(operation);
  const keys = new TestKeys();
  const oracle = new Oracle();
  let acknowledged = 0;
  await script(disk, keys, oracle, (number) => {
    acknowledged = number;
  }).catch(() => {});
  expect(disk.crashed).toBe(true);
  // One fate of what was not synced for each stop, all of them in turn.
  const variant = variants[operation % variants.length]!;
  const where = `stop at ${operation}, ${JSON.stringify(variant)}`;
  try {
    const found = await judge(disk.fork(variant), keys, oracle, acknowledged);
    return found.map((problem) => `${where}: ${problem}`);
  } catch (error) {
    return [`${where}: ${(error as Error).message}`];
  }
}

async function judge(disk: MemoryDisk, keys: TestKeys, oracle: Oracle, acknowledged: number) {
  const before = fingerprint(disk);
  const store = openTestStore(disk, keys);
  const problems = oracle.differences(store);
  const { number } = store.durable;
  if (number < acknowledged) problems.push(`commit ${number}, ${acknowledged} was acknowledged`);
  if (fingerprint(disk) !== before) problems.push("opening changed the disk");
  // A second crash while things are put in order, then life goes on.
  const again = disk.fork({ kind: "kept" });
  again.stopAfter(2);
  await openTestStore(again, keys)
    .settle()
    .catch(() => {});
  again.crash({ kind: "torn", seed: number });
  const second = openTestStore(again, keys);
  problems.push(...oracle.differences(second));
  const branch = new Oracle();
  branch.states.splice(0, 1, ...oracle.states.slice(0, number + 1));
  await branch.flush(store);
  await store.compactor.compact();
  problems.push(...branch.differences(store));
  await store.close();
  const reopened = openTestStore(disk, keys);
  problems.push(...branch.differences(reopened));
  return problems;
}

test("store: after a stop at any operation recovery equals the oracle", async () => {
  const operations = await operationsOf();
  expect(operations).toBeGreaterThan(100);
  const problems: string[] = [];
  for (let operation = 1; operation < operations; operation++)
    problems.push(...(await crashAt(operation)));
  expect(problems.slice(0, 10)).toEqual([]);
}, 120_000);

test("store: after a sync that failed, whichever it was, the next life loses nothing", async () => {
  const problems: string[] = [];
  let [nth, met] = [1, true];
  for (; met; nth++) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    const oracle = new Oracle();
    let [left, acknowledged] = [nth, 0];
    disk.fail("sync", "EIO", 1, () => --left === 0);
    await script(disk, keys, oracle, (number) => {
      acknowledged = number;
    }).catch(() => {});
    met = left <= 0;
    disk.clearFaults();
    const store = openTestStore(disk, keys);
    const found = oracle.differences(store);
    const { number } = store.durable;
    if (number < acknowledged) found.push(`commit ${number}, ${acknowledged} was acknowledged`);
    oracle.states.length = number + 1;
    await oracle.flush(store);
    disk.crash({ kind: "dropped" });
    found.push(...oracle.differences(openTestStore(disk, keys)));
    problems.push(...found.map((problem) => `sync ${nth}: ${problem}`));
  }
  expect(problems.slice(0, 10)).toEqual([]);
  expect(nth).toBeGreaterThan(50);
}, 60_000);
