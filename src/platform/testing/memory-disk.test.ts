// Goal: a test on MemoryDisk meets every state that a real crash can leave, and no gentler one.
import { expect, test } from "vitest";
import type { Disk } from "../../base/ports.ts";
import { CrashError, type CrashVariant, MemoryDisk } from "./memory-disk.ts";

const dropped: CrashVariant = { kind: "dropped" };
const kept: CrashVariant = { kind: "kept" };

function start(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory("/d");
  return disk;
}

function text(disk: Disk, path: string): string | null {
  return disk.status(path) === null ? null : disk.readFile(path).toString();
}

test("crash: what was not synced may go, what was synced stays", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create" });
  file.write(Buffer.from("one"), 0);
  file.sync();
  disk.syncDirectory("/d");
  file.write(Buffer.from("two"), 3);
  expect(text(disk.fork(dropped), "/d/a")).toBe("one");
  expect(text(disk.fork(kept), "/d/a")).toBe("onetwo");
  expect(text(disk, "/d/a")).toBe("onetwo");
});

test("crash: a name is lost until its directory was synced, its bytes are not enough", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create" });
  file.write(Buffer.from("one"), 0);
  file.sync();
  expect(text(disk.fork(dropped), "/d/a")).toBeNull();
  expect(text(disk.fork(kept), "/d/a")).toBe("one");
});

test("crash: an unsynced rename leaves the old file, an unsynced unlink too", () => {
  const disk = start();
  disk.replaceFile("/d/a", Buffer.from("old"));
  disk.replaceFile("/d/b", Buffer.from("new"));
  disk.rename("/d/b", "/d/a");
  const before = disk.fork(dropped);
  expect([text(before, "/d/a"), text(before, "/d/b")]).toEqual(["old", "new"]);
  disk.syncDirectory("/d");
  disk.unlink("/d/a");
  expect(text(disk.fork(dropped), "/d/a")).toBe("new");
  expect(text(disk.fork(kept), "/d/a")).toBeNull();
});

test("crash: torn writes keep some sectors, the same ones for the same seed", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create" });
  disk.syncDirectory("/d");
  file.write(Buffer.alloc(4096, "x"), 0);
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const once = text(disk.fork({ kind: "torn", seed }), "/d/a")!;
    expect(text(disk.fork({ kind: "torn", seed }), "/d/a")).toBe(once);
    const sectors = once.match(/[\s\S]{1,512}/g) ?? [];
    expect(sectors.every((sector) => /^(x+|\0+)$/.test(sector))).toBe(true);
    outcomes.add(once);
  }
  expect(outcomes.size).toBeGreaterThan(10);
});

test("crash: an O_DSYNC write is durable when it returns, and only it", () => {
  const disk = start();
  const plain = disk.open("/d/a", { mode: "create" });
  disk.syncDirectory("/d");
  plain.write(Buffer.from("aaaa"), 0);
  disk.open("/d/a", { mode: "write", dsync: true }).write(Buffer.from("bb"), 2);
  expect(text(disk.fork(dropped), "/d/a")).toBe("\0\0bb");
});

test("stop: the machine stops at each operation in turn, which may or may not be durable", () => {
  const replace = (disk: MemoryDisk) => disk.replaceFile("/d/a", Buffer.from("new"));
  const whole = start();
  replace(whole);
  const outcomes = new Set<string | null>();
  const steps = whole.operations - start().operations;
  for (let step = 1; step <= steps; step++) {
    const disk = start();
    disk.replaceFile("/d/a", Buffer.from("old"));
    disk.stopAfter(step);
    expect(() => replace(disk)).toThrow(CrashError);
    expect(() => disk.list("/d")).toThrow(CrashError);
    for (let seed = 0; seed < 20; seed++)
      for (const variant of [dropped, kept, { kind: "torn", seed } as const])
        outcomes.add(text(disk.fork(variant), "/d/a"));
  }
  expect(steps).toBe(5);
  expect(outcomes).toEqual(new Set(["old", "new"]));
});

test("crash: open files are dead and locks are free afterwards", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create" });
  expect(disk.lock("/d/lock")).not.toBeNull();
  disk.crash(kept);
  expect(() => file.write(Buffer.from("x"), 0)).toThrow(/EBADF/);
  const lock = disk.lock("/d/lock");
  expect(lock).not.toBeNull();
});

test("full disk: a write is refused after a part of it, and works again with space", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create" });
  disk.capacityBytes = 1024 + 100;
  file.write(Buffer.alloc(512), 0);
  expect(disk.freeBytes("/d")).toBe(0);
  expect(() => file.write(Buffer.alloc(2048), 512)).toThrow(/ENOSPC/);
  expect(file.size()).toBe(1024);
  file.write(Buffer.alloc(1024), 0);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  file.write(Buffer.alloc(2048), 512);
});

test("failed sync: its writes are lost, also of a file that was renamed since", () => {
  const disk = new MemoryDisk();
  const file = disk.open("/a", { mode: "create" });
  disk.rename("/a", "/b");
  disk.syncDirectory("/");
  file.write(Buffer.from("lost"), 0);
  disk.fail("sync", "EIO");
  expect(() => file.sync()).toThrow("EIO");
  disk.open("/b", { mode: "write" }).sync();
  expect(disk.readFile("/b").toString()).toBe("lost");
  disk.crash({ kind: "kept" });
  expect(disk.readFile("/b").toString()).toBe("");
});

test("a write is what it was when it was made, whatever becomes of its memory", () => {
  const disk = new MemoryDisk();
  const file = disk.open("/a", { mode: "create" });
  const data = Buffer.from("kept");
  file.write(data, 0);
  data.fill(0);
  file.sync();
  disk.crash({ kind: "kept" });
  expect(disk.readFile("/a").toString()).toBe("kept");
});

test("failed sync: its writes are lost for good, a later sync does not bring them back", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create" });
  disk.syncDirectory("/d");
  file.write(Buffer.from("one"), 0);
  disk.fail("sync", "EIO");
  expect(() => file.sync()).toThrow(/EIO/);
  file.sync();
  expect(text(disk, "/d/a")).toBe("one");
  expect(text(disk.fork(kept), "/d/a")).toBe("");
});

test("failed read: so many as were asked for, on that path, and no step is counted", () => {
  const disk = start();
  disk.replaceFile("/d/a", Buffer.from("one"));
  disk.replaceFile("/d/b", Buffer.from("two"));
  const before = disk.operations;
  const file = disk.open("/d/a", { mode: "read" });
  disk.fail("read", "EIO", 2, (path) => path === "/d/a");
  disk.fail("open", "EMFILE");
  expect(() => file.read(Buffer.alloc(3), 0)).toThrow(/EIO/);
  expect(text(disk, "/d/b")).toBe("two");
  expect(() => disk.readFile("/d/a")).toThrow(/EIO/);
  expect(text(disk, "/d/a")).toBe("one");
  expect(() => disk.open("/d/a", { mode: "write" })).toThrow(/EMFILE/);
  disk.open("/d/a", { mode: "read" }).close();
  expect(disk.operations).toBe(before);
});

test("rot: bits read flipped until they are overwritten", () => {
  const disk = start();
  disk.replaceFile("/d/a", Buffer.from([1, 2, 3]));
  disk.rot("/d/a", 1, 0x80);
  expect([...disk.readFile("/d/a")]).toEqual([1, 0x82, 3]);
  expect([...disk.fork(dropped).readFile("/d/a")]).toEqual([1, 0x82, 3]);
  disk.open("/d/a", { mode: "write" }).write(Buffer.from([9]), 1);
  expect([...disk.readFile("/d/a")]).toEqual([1, 9, 3]);
});

test("direct: misaligned positions, lengths and memory are refused", () => {
  const disk = start();
  const file = disk.open("/d/a", { mode: "create", direct: true });
  const memory = disk.alignedBuffer(8192);
  expect(() => file.write(memory, 512)).toThrow(/EINVAL/);
  expect(() => file.write(memory.subarray(0, 100), 0)).toThrow(/EINVAL/);
  expect(() => file.write(memory.subarray(512, 4608), 0)).toThrow(/EINVAL/);
  expect(() => file.write(Buffer.alloc(4096), 0)).toThrow(/EINVAL/);
  file.write(memory, 4096);
});

test("directory sync: a filesystem without it says so", () => {
  const disk = new MemoryDisk({ noDirectorySync: true });
  disk.makeDirectory("/d");
  expect(() => disk.syncDirectory("/d")).toThrow(/EINVAL/);
});
