// Goal: a start that is refused before it made anything leaves nothing behind, so that what is done
// next finds what was there before; and whatever else makes or holds the directory is left alone.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import type { NodeOptions } from "./api.ts";
import { lockDirectory } from "./foundation.ts";
import { openTestNode } from "./testing/harness.ts";

const namesOf = (disk: MemoryDisk): string[] => [...disk.contents().keys()].sort();

async function refusal(disk: MemoryDisk, options: Partial<NodeOptions>): Promise<string> {
  try {
    await (await openTestNode(disk, options)).node.close();
    return "served";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test("locking: a refused start takes lock and directories away that it made", async () => {
  const disk = new MemoryDisk();
  const options = { keks: [], dataDir: "/some/where/data" };
  expect(await refusal(disk, options)).toBe("KEK_NOT_CONFIGURED");
  expect([namesOf(disk), disk.list("/")]).toEqual([[], []]);
  disk.makeDirectory("/some/where");
  expect(await refusal(disk, options)).toBe("KEK_NOT_CONFIGURED");
  expect(disk.list("/some/where")).toEqual([]);
});

test("locking: a refused start leaves what was there, with nothing beside it", async () => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/data");
  disk.open("/data/photo.jpg", { mode: "create" }).close();
  expect(await refusal(disk, {})).toBe("DATA_DIR_FOREIGN");
  expect(namesOf(disk)).toEqual(["/data/photo.jpg"]);
  disk.unlink("/data/photo.jpg");
  disk.lock("/data/lock")?.release();
  expect(await refusal(disk, { keks: [] })).toBe("KEK_NOT_CONFIGURED");
  expect(namesOf(disk)).toEqual(["/data/lock"]);
});

test("locking: the root of a volume is a place for data, with its lost+found", async () => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/data/lost+found");
  expect(await refusal(disk, {})).toBe("served");
  disk.makeDirectory("/other/lost+found");
  disk.makeDirectory("/other/photos");
  expect(await refusal(disk, { dataDir: "/other" })).toBe("DATA_DIR_FOREIGN");
});

test("locking: a start that made data keeps its lock, served or not", async () => {
  const served = new MemoryDisk();
  await (await openTestNode(served)).node.close();
  expect(namesOf(served)).toContain("/data/lock");
  const disk = new MemoryDisk();
  disk.fail("create", "EIO", 1, (path) => path.includes("/log/"));
  expect(await refusal(disk, {})).toBe("LOG_WRITE_FAILED");
  expect(namesOf(disk)).toContain("/data/lock");
  expect(namesOf(disk)).toContain("/data/encryption/keys.json");
});

test("locking: one alone holds a directory, and what another made in it is left", () => {
  const disk = new MemoryDisk();
  const first = lockDirectory(disk, "/a/data");
  expect(() => lockDirectory(disk, "/a/data")).toThrow("DATA_DIR_IN_USE");
  disk.makeDirectory("/a/data/run");
  first.undo();
  expect(disk.list("/a/data")).toEqual(["lock", "run"]);
  disk.removeDirectory("/a/data/run");
  const second = lockDirectory(disk, "/a/data");
  second.undo();
  expect(disk.list("/a/data")).toEqual(["lock"]);
});

test("locking: a directory that a refused start takes away meanwhile is made again", () => {
  const disk = new MemoryDisk();
  const first = lockDirectory(disk, "/data");
  const lock = disk.lock.bind(disk);
  disk.lock = (path, mode) => {
    disk.lock = lock;
    first.undo();
    return lock(path, mode);
  };
  lockDirectory(disk, "/data").release();
  expect(disk.list("/data")).toEqual(["lock"]);
});
