// Goal: damaged files give a refusal that changes nothing, or an error at the read; never a wrong
// or silently missing value.
// Method: after a graceful stop every kind of damage to every kind of file, many times.
import { expect, test } from "vitest";
import { isStrongroomError } from "../../base/errors.ts";
import { physicalAt } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { commitAt, foresee, physicalOf, putText } from "../suite.ts";
import { damage, faultKinds, fingerprint, rewriteFile } from "../testing/faults.ts";
import { TestKeys } from "../testing/keys.ts";
import { nameCount, Oracle, openTestStore, script, storeDirectory } from "../testing/world.ts";

async function stopped(): Promise<{ older: MemoryDisk; disk: MemoryDisk; oracle: Oracle }> {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const oracle = new Oracle();
  await script(disk, keys, oracle, () => {});
  const older = disk.fork({ kind: "kept" });
  const store = openTestStore(disk, new TestKeys(2));
  for (let i = 0; i < 8; i++) await oracle.flush(store);
  await store.close();
  return { older, disk, oracle };
}

function read(store: ReturnType<typeof openTestStore>, name: string): string | null | Error {
  try {
    const found = store.get(physicalOf(name), 0);
    return found?.body.toString("utf8", found.bodyStart, found.bodyEnd) ?? null;
  } catch (error) {
    return error as Error;
  }
}

function namesFrom(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => `k${from + n}`);
}

/** @returns What happened, and what was wrong about it. */
async function start(disk: MemoryDisk, oracle: Oracle): Promise<[string, string[]]> {
  const before = fingerprint(disk);
  let store: ReturnType<typeof openTestStore>;
  try {
    store = openTestStore(disk, new TestKeys(2));
  } catch (error) {
    const problems = isStrongroomError(error) ? [] : [`no code: ${String(error)}`];
    if (fingerprint(disk) !== before) problems.push("a refused start changed the disk");
    return ["refused", problems];
  }
  const problems: string[] = [];
  let errors = 0;
  const last = oracle.states.length - 1;
  if (store.durable.number !== last) problems.push(`commit ${store.durable.number} of ${last}`);
  await store.settle();
  await store.compactor.compact();
  const state = oracle.states[last]!;
  for (let i = 0; i < nameCount; i++) {
    // Every second group of names is read together, the others one by one.
    if (i % 32 === 0) foresee(store, namesFrom(i, Math.min(i + 16, nameCount)));
    const found = read(store, `k${i}`);
    if (found instanceof Error) {
      errors++;
      if (!isStrongroomError(found)) problems.push(`no code: ${found}`);
    } else if (found !== (state.values.get(`k${i}`) ?? null)) {
      problems.push(`k${i} is wrong`);
    }
  }
  const rows = [...store.controls()].map((row) => `${row.key}=${row.value}`).sort();
  const wanted = [...state.controls].map(([key, value]) => `${key}=${value}`).sort();
  if (String(rows) !== String(wanted)) problems.push(`controls ${rows}`);
  await store.close();
  return [errors > 0 ? "errors" : "all right", problems];
}

test.each(faultKinds)("store: %s is refused or told, never believed", async (kind) => {
  const { older, disk, oracle } = await stopped();
  expect(await start(disk.fork({ kind: "kept" }), oracle)).toEqual(["all right", []]);
  const outcomes = new Map<string, number>();
  const problems: string[] = [];
  const dice = new Oracle();
  for (let trial = 0; trial < 90; trial++) {
    const copy = disk.fork({ kind: "kept" });
    const done = damage(copy, kind, older, (bound) => dice.draw(bound));
    if (done === null) continue;
    const [outcome, wrong] = await start(copy, oracle);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    problems.push(...wrong.map((problem) => `${done}: ${problem}`));
  }
  expect(problems.slice(0, 5)).toEqual([]);
  expect(outcomes.size).toBeGreaterThan(0);
});

test("store: one damaged record among those read together spoils no other", async () => {
  const disk = new MemoryDisk();
  const store = openTestStore(disk, new TestKeys(), { segmentBytes: 1 << 20 });
  const run = store.newRun();
  const names = namesFrom(0, 16);
  for (const name of names) putText(run, name, name.padEnd(500));
  await store.flush(run, commitAt(1));
  const path = `${storeDirectory}/0000000001.segment`;
  const data = Buffer.from(disk.readFile(path));
  const at = data.indexOf(physicalOf("k5"));
  const file = disk.open(path, { mode: "write" });
  const bodyAt = at - physicalAt;
  for (const place of [bodyAt - frameHeaderBytes, bodyAt, at, at + 60, at + 300]) {
    file.write(Buffer.of(data[place]! ^ 1), place);
    foresee(store, names);
    const damaged = names.filter((name) => read(store, name) instanceof Error);
    expect(damaged, `byte ${place - at}`).toEqual(["k5"]);
    expect(read(store, "k6")).toBe("k6".padEnd(500));
    file.write(data.subarray(place, place + 1), place);
  }
  file.close();
  foresee(store, [...names.slice(0, 15), "absent"]);
  expect(names.map((name) => read(store, name))).toEqual(names.map((name) => name.padEnd(500)));
  expect(read(store, "absent")).toBeNull();
  await store.close();
});

test("store: an old manifest put back alone is noticed", async () => {
  const { older, disk } = await stopped();
  rewriteFile(disk, `${storeDirectory}/MANIFEST`, older.readFile(`${storeDirectory}/MANIFEST`));
  expect(() => openTestStore(disk, new TestKeys(2))).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^STORE_FILE_(MISSING|UNKNOWN)$/) }),
  );
});

test("store: a segment under another's name or of another cluster is refused", async () => {
  const { disk } = await stopped();
  const segments = disk.list(storeDirectory).filter((name) => name.endsWith(".segment"));
  const path = (name: string) => `${storeDirectory}/${name}`;
  const copy = disk.fork({ kind: "kept" });
  const [one, other] = [path(segments[0]!), path(segments[1]!)];
  const data = copy.readFile(one);
  rewriteFile(copy, one, copy.readFile(other));
  rewriteFile(copy, other, data);
  expect(() => openTestStore(copy, new TestKeys(2))).toThrow(/^\[STORE_/);
  const foreign = { cluster: Buffer.alloc(16, 8), group: 0 };
  expect(() => openTestStore(disk, new TestKeys(2), { place: foreign })).toThrow(/STORE_FOREIGN/);
});

test("store: damage to what the open segment had synced is refused, a torn end cut", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys();
  const store = openTestStore(disk, keys, { segmentBytes: 1 << 20 });
  for (let index = 1; index <= 4; index++) {
    const run = store.newRun();
    putText(run, "k", `value ${index}`.padEnd(3000));
    await store.flush(run, commitAt(index));
  }
  const path = `${storeDirectory}/0000000001.segment`;
  const data = disk.readFile(path);
  for (let block = 1; block < data.length / 4096; block++) {
    const copy = disk.fork({ kind: "kept" });
    const changed = Buffer.from(data);
    changed[block * 4096 + 100]! ^= 1;
    rewriteFile(copy, path, changed);
    if (block < 4) expect(() => openTestStore(copy, keys)).toThrow(/FILE_FRAME_DAMAGED/);
    else expect(openTestStore(copy, keys).durable.number).toBe(3);
  }
  await store.close();
});

test("store: clear data is refused where only sealed data may be", async () => {
  const disk = new MemoryDisk();
  const store = openTestStore(disk, new TestKeys(0));
  const run = store.newRun();
  putText(run, "k", "clear");
  await store.flush(run, commitAt(1));
  await store.close();
  const open = () => openTestStore(disk, new TestKeys(1), { requireSealed: true });
  expect(open).toThrow(/STORE_CLEAR_REFUSED/);
});
