// Goal: what was cleared is in no file any more, and everything else is as it was.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { Store } from "../store.ts";
import { commitAt, putText, readText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore } from "../testing/world.ts";

let index = 0;

async function flush(store: Store, change: (run: ReturnType<Store["newRun"]>) => void) {
  const run = store.newRun();
  change(run);
  await store.flush(run, commitAt(++index));
}

test("store: what control rows said before is in no file once they are cleared", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys(1);
  let store = openTestStore(disk, keys);
  const name = { table: 1, key: Buffer.from("wraps of key 7") };
  for (let i = 0; i < 8; i++) {
    if (i === 4) {
      await store.close();
      store = openTestStore(disk, keys);
    }
    await flush(store, (run) => {
      putText(run, `k${i}`, `value ${i} `.repeat(900));
      const last = i === 7;
      run.control(1, false, name.key, Buffer.from(last ? "none" : `secret wrap ${i}`));
      run.control(1, false, Buffer.from("other"), Buffer.from(`kept ${i}`));
    });
  }
  const holds = (text: string) =>
    [...disk.contents()].filter(([, bytes]) => bytes.includes(text)).map(([path]) => path);
  expect(holds("secret wrap").length).toBeGreaterThan(1);
  expect(await store.compactor.clearControls([name])).toEqual([]);
  expect(holds("secret wrap")).toEqual([]);
  expect(await store.compactor.clearControls([name])).toEqual([]);
  const rows = (of: Store) => [...of.controls()].map((row) => row.value.toString()).sort();
  expect(rows(store)).toEqual(["kept 7", "none"]);
  await store.close();
  store = openTestStore(disk, keys);
  expect(rows(store)).toEqual(["kept 7", "none"]);
  for (let i = 0; i < 8; i++) expect(readText(store, `k${i}`)).toBe(`value ${i} `.repeat(900));
  await store.close();
});

test("store: a manifest follows a rotation although nothing was written since", async () => {
  const disk = new MemoryDisk();
  const keys = new TestKeys(1);
  let store = openTestStore(disk, keys);
  await flush(store, (run) => putText(run, "k", "1"));
  await store.rotate();
  keys.keyId = 2;
  await store.rotate();
  await store.compactor.rewrite(1);
  expect((await store.files()).filter(({ keyId }) => keyId === 1)).toEqual([]);
  keys.retired.add(1);
  await store.close();
  store = openTestStore(disk, keys);
  expect(readText(store, "k")).toBe("1");
  await store.close();
});
