/**
 * The properties of every Store. An implementation calls `storeSuite` with a way to open one, and
 * to open it again on what the last one left.
 * @module
 */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { CommitMeta, RunBuilder, Store } from "./store.ts";

export interface StoreHarness {
  /** Opens the store on what the last `open` left behind, or an empty one. */
  open(): Promise<Store>;
  /** True if a store that was closed is found again. */
  readonly durable: boolean;
  /** Makes room on disk where that applies. */
  compact?(store: Store): Promise<void>;
  dispose?(): Promise<void>;
}

export function physicalOf(name: string): Buffer {
  return createHash("sha256").update(name).digest().subarray(0, 16);
}

export function commitAt(appliedIndex: number, ms = 1_000_000): CommitMeta {
  return { appliedIndex, session: 5n, seq: appliedIndex, commitTs: BigInt(ms) << 16n };
}

export function putText(
  run: RunBuilder,
  name: string,
  text: string,
  options: { keyspace?: number; expireAt?: number; root?: boolean; compressible?: boolean } = {},
): void {
  const { keyspace = 1, expireAt = 0, root = true, compressible = false } = options;
  const body = Buffer.from(text);
  const key = physicalOf(name);
  const at = run.put(key, 0, root, keyspace, expireAt, 77n, body.length, compressible);
  run.buffer.set(body, at);
}

export function removeText(run: RunBuilder, name: string, keyspace = 1): void {
  run.tombstone(physicalOf(name), 0, true, keyspace, 78n);
}

export function readText(store: Store, name: string): string | null {
  const found = store.get(physicalOf(name), 0);
  return found === null ? null : found.body.toString("utf8", found.bodyStart, found.bodyEnd);
}

function scanNames(store: Store, keyspace: number, count = 7): string[] {
  const seen: string[] = [];
  let cursor = 0n;
  do cursor = store.scan(keyspace, cursor, count, (key) => seen.push(key.toString("hex")));
  while (cursor !== 0n);
  return seen;
}

/** Registers the tests. @param make - A harness of its own for each test. */
/** Lets the store write what the run holds. Resolves when it had time for it. */
export async function advanced(store: Store, run: RunBuilder): Promise<void> {
  store.advance(run);
  for (let turn = 0; turn < 3; turn++)
    await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** Tells the store that these names will be asked for: 16 at most. */
export function foresee(store: Store, names: readonly string[]): void {
  store.foresee(Buffer.concat(names.map((name) => physicalOf(name))), names.length);
}

export function storeSuite(name: string, make: () => StoreHarness | Promise<StoreHarness>): void {
  const scenario = (property: string, run: (harness: StoreHarness) => Promise<void>) =>
    test(`${name}: ${property}`, async () => {
      const harness = await make();
      try {
        await run(harness);
      } finally {
        await harness.dispose?.();
      }
    });

  scenario("what was flushed is read, with its header", async (harness) => {
    const store = await harness.open();
    expect(store.durable.number).toBe(0);
    expect(readText(store, "a")).toBeNull();
    const run = store.newRun();
    putText(run, "a", "value a", { expireAt: 12_345, keyspace: 9 });
    putText(run, "chunk", "x".repeat(300_000), { root: false });
    putText(run, "empty", "");
    expect(run.records).toBe(3);
    await store.flush(run, commitAt(41));
    expect(store.durable).toEqual({ number: 1, ...commitAt(41) });
    const found = store.get(physicalOf("a"), 0);
    expect(found).toMatchObject({ expireAt: 12_345, commitTs: 77n, keyspace: 9, root: true });
    expect(readText(store, "a")).toBe("value a");
    expect(readText(store, "chunk")).toBe("x".repeat(300_000));
    expect(readText(store, "empty")).toBe("");
    expect([store.has(physicalOf("a"), 0), store.has(physicalOf("b"), 0)]).toEqual([true, false]);
    expect([store.count(9), store.count(1)]).toEqual([1, 1]);
    await store.close();
  });

  scenario("the newest record wins, a tombstone hides, counts follow", async (harness) => {
    const store = await harness.open();
    for (const [index, text] of ["one", "two"].entries()) {
      const run = store.newRun();
      putText(run, "k", text);
      await store.flush(run, commitAt(index + 1));
      expect(readText(store, "k")).toBe(text);
      expect(store.count(1)).toBe(1);
    }
    const run = store.newRun();
    removeText(run, "k");
    await store.flush(run, commitAt(3));
    expect(readText(store, "k")).toBeNull();
    expect([store.count(1), store.has(physicalOf("k"), 0)]).toEqual([0, false]);
    expect(store.onDisk(physicalOf("k"), 0)).toBe(true);
    await store.close();
  });

  scenario("a run that is written while it is collected is there after its flush", async (it) => {
    const store = await it.open();
    const before = store.newRun();
    putText(before, "k1", "old");
    await store.flush(before, commitAt(1));
    const run = store.newRun();
    run.reserve(1 << 20);
    for (let n = 0; n < 20; n++) {
      putText(run, `k${n}`, `${n}:`.padEnd(n * 1000, "x"), { compressible: n % 3 === 0 });
      if (n % 4 === 1) await advanced(store, run);
      if (n % 5 === 2) store.advance(run);
      expect([readText(store, "k1"), readText(store, "k0")]).toEqual(["old", null]);
    }
    await store.flush(run, commitAt(2));
    expect(store.durable).toEqual({ number: 2, ...commitAt(2) });
    for (let n = 0; n < 20; n++)
      expect(readText(store, `k${n}`)).toBe(`${n}:`.padEnd(n * 1000, "x"));
    await store.close();
  });

  scenario("of a run that was given up while it was written nothing is left", async (harness) => {
    let store = await harness.open();
    for (let index = 1; index < 4; index++) {
      const lost = store.newRun();
      lost.reserve(1 << 20);
      for (let n = 0; n < 10; n++) {
        putText(lost, "k", `lost ${n}`.padEnd(5000));
        if (n === index * 2) await advanced(store, lost);
      }
      store.discard(lost);
      const run = store.newRun();
      putText(run, `k${index}`, "kept");
      await store.flush(run, commitAt(index));
      expect([readText(store, "k"), readText(store, `k${index}`)]).toEqual([null, "kept"]);
    }
    await store.close();
    if (!harness.durable) return;
    store = await harness.open();
    expect([1, 2, 3].map((index) => readText(store, `k${index}`))).toEqual([
      "kept",
      "kept",
      "kept",
    ]);
    expect([readText(store, "k"), store.count(1)]).toEqual([null, 3]);
    await store.close();
  });

  scenario("flushes that overlap are done in order", async (harness) => {
    const store = await harness.open();
    const done: number[] = [];
    const flushes = [1, 2, 3].map((index) => {
      const run = store.newRun();
      putText(run, "k", `value ${index}`);
      putText(run, `k${index}`, "x");
      return store.flush(run, commitAt(index)).then(() => done.push(index));
    });
    await Promise.all(flushes);
    expect(done).toEqual([1, 2, 3]);
    expect(readText(store, "k")).toBe("value 3");
    expect(store.durable).toEqual({ number: 3, ...commitAt(3) });
    await store.close();
  });

  scenario("marks of what is not flushed show in counts and scans", async (harness) => {
    const store = await harness.open();
    const run = store.newRun();
    putText(run, "old", "x");
    await store.flush(run, commitAt(1));
    store.markPending(physicalOf("new"), 0, 1, true);
    store.markPending(physicalOf("old"), 0, 1, false);
    expect(store.count(1)).toBe(1);
    expect(scanNames(store, 1)).toEqual([physicalOf("new").toString("hex")]);
    expect(readText(store, "new")).toBeNull();
    expect(store.onDisk(physicalOf("new"), 0)).toBe(false);
    const second = store.newRun();
    putText(second, "new", "y");
    removeText(second, "old");
    await store.flush(second, commitAt(2));
    expect(store.count(1)).toBe(1);
    expect(readText(store, "new")).toBe("y");
    store.markPending(physicalOf("gone"), 0, 1, true);
    store.markPending(physicalOf("gone"), 0, 1, false);
    expect(store.count(1)).toBe(1);
    await store.close();
  });

  scenario("a dropped keyspace is gone at once and stays gone", async (harness) => {
    const store = await harness.open();
    const run = store.newRun();
    for (let i = 0; i < 50; i++) {
      putText(run, `a${i}`, "x", { keyspace: 1 });
      putText(run, `b${i}`, "y", { keyspace: 2 });
    }
    await store.flush(run, commitAt(1));
    store.dropKeyspace(1);
    expect([store.count(1), store.count(2)]).toEqual([0, 50]);
    expect([readText(store, "a1"), readText(store, "b1")]).toEqual([null, "y"]);
    expect([scanNames(store, 1).length, scanNames(store, 2).length]).toEqual([0, 50]);
    expect(store.random(1, 0.3)).toBeNull();
    const late = store.newRun();
    putText(late, "a1", "late", { keyspace: 1 });
    await store.flush(late, commitAt(2));
    expect([store.count(1), readText(store, "a1")]).toEqual([0, null]);
    await store.close();
  });

  scenario("random and expired roots come from what is there", async (harness) => {
    const store = await harness.open();
    const run = store.newRun();
    for (let i = 0; i < 20; i++) putText(run, `k${i}`, "x", { expireAt: i < 5 ? 2_000 : 0 });
    await store.flush(run, commitAt(1));
    const names = new Set(
      Array.from({ length: 20 }, (_, i) => physicalOf(`k${i}`).toString("hex")),
    );
    for (let draw = 0; draw < 1; draw += 0.1)
      expect(names.has(store.random(1, draw)?.toString("hex") ?? "")).toBe(true);
    const expired = new Set<string>();
    store.expired(2_500, 100_000, (key) => expired.add(key.toString("hex")));
    expect(expired.size).toBe(5);
    expect([store.expiring(1), store.expiring(2)]).toEqual([5, 0]);
    expect([store.expires(physicalOf("k4"), 0), store.expires(physicalOf("k5"), 0)]).toEqual([
      true,
      false,
    ]);
    const expiries = ["k4", "k5", "none"].map((name) => store.expiryOf(physicalOf(name), 0));
    expect(expiries).toEqual([2, 0, -1]);
    const next = store.newRun();
    putText(next, "k0", "x");
    next.tombstone(physicalOf("k1"), 0, true, 1, 1n);
    await store.flush(next, commitAt(2));
    expect([store.expiring(1), store.expires(physicalOf("k0"), 0)]).toEqual([3, false]);
    expect([store.expiryOf(physicalOf("k0"), 0), store.expiryOf(physicalOf("k1"), 0)]).toEqual([
      0, -1,
    ]);
    expired.clear();
    store.expired(1_999, 100_000, (key) => expired.add(key.toString("hex")));
    expect(expired.size).toBe(0);
    await store.close();
  });

  scenario("a store that is closed takes nothing", async (harness) => {
    const store = await harness.open();
    await store.close();
    await store.close();
    const run = store.newRun();
    await expect(store.flush(run, commitAt(1))).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });

  scenario("control records stand beside the commit", async (harness) => {
    const store = await harness.open();
    const run = store.newRun();
    run.control(1, false, Buffer.from("a"), Buffer.from("1"));
    run.control(1, false, Buffer.from("b"), Buffer.from("2"));
    run.control(2, false, Buffer.from("a"), Buffer.alloc(0));
    await store.flush(run, commitAt(1));
    const second = store.newRun();
    second.control(1, true, Buffer.from("b"), Buffer.alloc(0));
    second.control(1, false, Buffer.from("a"), Buffer.from("3"));
    await store.flush(second, commitAt(2));
    const rows = [...store.controls()].map((row) => `${row.table}${row.key}=${row.value}`).sort();
    expect(rows).toEqual(["1a=3", "2a="]);
    await store.close();
  });

  scenario(
    "equals a map under any changes, reopened and compacted at any time",
    async (harness) => {
      let store = await harness.open();
      const oracle = new Map<string, string>();
      const controls = new Map<string, string>();
      let index = 0;
      const change = fc.record({
        key: fc.nat(40),
        put: fc.boolean(),
        size: fc.nat(6000),
      });
      const step = fc.record({
        changes: fc.array(change, { minLength: 1, maxLength: 20 }),
        control: fc.nat(5),
        after: fc.constantFrom("", "", "reopen", "compact"),
      });
      const steps = fc.sample(step, { numRuns: 60, seed: 7 });
      for (const { changes, control, after } of steps) {
        const run = store.newRun();
        index++;
        run.reserve(200_000);
        for (const { key, put, size } of new Map(changes.map((one) => [one.key, one])).values()) {
          if (control > 2 && size % 3 === 0) store.advance(run);
          const name = `k${key}`;
          const text = `${index}:`.padEnd(size, "ab");
          if (put) putText(run, name, text, { compressible: key % 2 === 0 });
          else removeText(run, name);
          if (put) oracle.set(name, text);
          else oracle.delete(name);
        }
        run.control(3, control === 0, Buffer.from(`c${control}`), Buffer.from(String(index)));
        if (control === 0) controls.delete(`c${control}`);
        else controls.set(`c${control}`, String(index));
        // What is foreseen may be overwritten, moved or gone before it is asked for.
        const names = Array.from({ length: 16 }, (_, n) => `k${(index * 7 + n * 3) % 41}`);
        if (index % 2 === 0) foresee(store, names);
        await store.flush(run, commitAt(index));
        if (after === "compact") await harness.compact?.(store);
        if (after === "reopen" && harness.durable) {
          await store.close();
          store = await harness.open();
        }
        expect(store.durable).toEqual({ number: index, ...commitAt(index) });
        if (index % 2 === 1) foresee(store, names);
        for (let key = 0; key <= 40; key++)
          expect(readText(store, `k${key}`)).toBe(oracle.get(`k${key}`) ?? null);
        expect(store.count(1)).toBe(oracle.size);
        expect(scanNames(store, 1).length).toBe(oracle.size);
        const rows = [...store.controls()].map((row) => [row.key.toString(), row.value.toString()]);
        expect(new Map(rows as [string, string][])).toEqual(controls);
      }
      await store.close();
    },
  );
}
