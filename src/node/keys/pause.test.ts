// Goal: while a rotation's sidecar is on its way to the disk, clients read and write as ever; what
// the disk does not hold yet, neither the store nor another change of keys builds upon.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { fresh, openTestNode, until } from "../testing/harness.ts";

/** Sidecars wait, once told to, until they are let go. */
class SlowDisk extends MemoryDisk {
  slow = false;
  readonly held: (() => void)[] = [];

  override async replaceFileAsync(path: string, data: Uint8Array): Promise<void> {
    if (this.slow && path.includes("/encryption/"))
      await new Promise<void>((resolve) => this.held.push(resolve));
    await super.replaceFileAsync(path, data);
  }

  letGo(): void {
    for (const resolve of this.held.splice(0)) resolve();
  }
}

for (const purpose of ["storage", "log"] as const)
  test(`keys: clients do not wait for the sidecar of a ${purpose} rotation`, async () => {
    const disk = new SlowDisk();
    const node = await openTestNode(disk);
    await node.run("set", "a", "0");
    disk.slow = true;
    let done = false;
    const rotated = node.node.keys.rotate(fresh(), purpose, 0).then(() => {
      done = true;
    });
    let documents = 0;
    for (; documents < 3; documents++) {
      await until(() => disk.held.length > 0);
      const value = String(documents);
      expect(await node.run("set", "a", value)).toBe("+OK\r\n");
      expect(await node.run("get", "a")).toBe(`$1\r\n${value}\r\n`);
      expect([disk.held.length, done]).toEqual([1, false]);
      disk.letGo();
    }
    await rotated;
    disk.slow = false;
    await node.node.close();
    const again = await openTestNode(disk);
    expect(await again.run("get", "a")).toBe("$1\r\n2\r\n");
    await again.node.close();
  });

test("keys: a stop while the sidecar is on its way loses no answered write", async () => {
  const disk = new SlowDisk();
  const node = await openTestNode(disk);
  disk.slow = true;
  const lost = node.node.keys.rotate(fresh(), "log", 0).catch(() => {});
  for (let documents = 0; documents < 2; documents++) {
    await until(() => disk.held.length > 0);
    disk.letGo();
  }
  // The new key is active, and the sidecar does not say so yet.
  await until(() => disk.held.length > 0);
  expect(node.node.keys.keyring().active.log).toBe(4);
  expect(await node.run("set", "a", "1")).toBe("+OK\r\n");
  const found = disk.fork({ kind: "dropped" });
  disk.letGo();
  disk.slow = false;
  await lost;
  await node.node.close();
  const again = await openTestNode(found);
  expect(again.node.keys.keyring().active.log).toBe(4);
  expect(await again.run("get", "a")).toBe("$1\r\n1\r\n");
  await again.node.close();
});
