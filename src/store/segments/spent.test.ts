// Goal: however long a disk is full, the attempts to write spend no subkey and fill no list.
// Method: a small budget of a subkey, and primitives that look at every nonce they seal with.
import { expect, test } from "vitest";
import { loadPrimitives, type Primitives } from "../../platform/primitives.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { advanced, commitAt, putText, readText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore, storeDirectory } from "../testing/world.ts";

const names = Array.from({ length: 10 }, (_, n) => `k${n}`);

/** Collects nonces by subkey. */
function watching(nonces: Map<string, string[]>): Primitives {
  const base = loadPrimitives("node");
  return {
    ...base,
    aead(key, prefix) {
      const aead = base.aead(key, prefix);
      const used: string[] = nonces.get(Buffer.from(key).toString("hex")) ?? [];
      nonces.set(Buffer.from(key).toString("hex"), used);
      const sealMany = aead.sealMany.bind(aead);
      aead.sealMany = (buffer, table, count) => {
        for (let row = 0; row < count; row++) {
          const at = (table[row * 3] as number) + (table[row * 3 + 1] as number);
          used.push(Buffer.from(buffer.subarray(at, at + 12)).toString("hex"));
        }
        sealMany(buffer, table, count);
      };
      return aead;
    },
  };
}

function bytesOf(disk: MemoryDisk): number {
  return [...disk.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
}

test("spent: attempts on a full disk move to a fresh subkey, no nonce comes twice", async () => {
  for (const streamed of [false, true]) {
    const disk = new MemoryDisk();
    const keys = new TestKeys();
    const nonces = new Map<string, string[]>();
    const sealsMax = 50;
    const options = { segmentBytes: 1 << 20, sealsMax, primitives: watching(nonces) };
    const store = openTestStore(disk, keys, options);
    const attempt = async (index: number, text: string) => {
      const run = store.newRun();
      run.reserve(64 * 1024);
      for (const name of names) {
        putText(run, name, text.padEnd(1000));
        if (streamed) await advanced(store, run);
      }
      await store.flush(run, commitAt(index)).catch((error) => {
        store.discard(run);
        throw error;
      });
    };
    await attempt(1, "old");
    // Room for a new segment and its manifest, not for the run.
    for (let turn = 2; turn < 30; turn++) {
      disk.capacityBytes = bytesOf(disk) + 9000;
      await expect(attempt(turn, "new")).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
    }
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await attempt(30, "new");
    expect(readText(store, "k3")).toBe("new".padEnd(1000));
    await store.close();
    const used = [...nonces.values()].filter((one) => one.length > 0);
    expect(used.length).toBeGreaterThan(5);
    expect(used.every((one) => one.length <= sealsMax)).toBe(true);
    for (const one of used) expect(new Set(one).size).toBe(one.length);
    expect(readText(openTestStore(disk, keys), "k9")).toBe("new".padEnd(1000));
  }
});

test("spent: a segment that finds no room to begin leaves nothing in the manifest", async () => {
  const sizes = [0, 40].map(async (attempts) => {
    const disk = new MemoryDisk();
    const store = openTestStore(disk, new TestKeys());
    const flush = async (index: number) => {
      const run = store.newRun();
      putText(run, "k", `${index}`.padEnd(20_000));
      await store.flush(run, commitAt(index));
    };
    await flush(1);
    disk.capacityBytes = bytesOf(disk) + 600;
    for (let turn = 0; turn < attempts; turn++)
      await expect(flush(2)).rejects.toMatchObject({ code: "STORE_DISK_FULL" });
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await flush(3);
    const bytes = disk.status(`${storeDirectory}/MANIFEST`)?.bytes;
    await store.close();
    return bytes;
  });
  const [never, often] = await Promise.all(sizes);
  expect(often).toBe(never);
});
