// Goal: both disks keep the port's promises; the real one in every way in which it may be built.
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FileLock } from "../base/ports.ts";
import { NodeDisk } from "./disk.ts";
import { lockFile } from "./lock.ts";
import { loadNative } from "./native.ts";
import { diskSuite } from "./suite.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

function realDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-disk-"));
  return { directory, cleanUp: () => rmSync(directory, { recursive: true }) };
}

diskSuite("node, without the addon", () => ({ disk: new NodeDisk(null), ...realDirectory() }));

if (loadNative() !== null)
  diskSuite("node, with the addon", () => ({ disk: new NodeDisk(), ...realDirectory() }));

for (const direct of [true, false])
  diskSuite(`memory, ${direct ? "direct" : "buffered"}`, () => {
    const disk = new MemoryDisk({ direct });
    disk.makeDirectory("/data");
    return { disk, directory: "/data", cleanUp() {} };
  });

test("disk: aligned memory that is given back goes to the system at once", () => {
  if (loadNative() === null) return;
  const disk = new NodeDisk();
  const memory = disk.alignedBuffer(64 << 20);
  memory.fill(1);
  const before = process.memoryUsage.rss();
  disk.giveBack(memory);
  expect(before - process.memoryUsage.rss()).toBeGreaterThan(56 << 20);
  expect(memory[5_000_000]).toBe(0);
});

test("disk: a link to a directory is a directory to whoever makes one", () => {
  const { directory, cleanUp } = realDirectory();
  const disk = new NodeDisk();
  disk.makeDirectory(join(directory, "real"));
  symlinkSync(join(directory, "real"), join(directory, "link"));
  disk.makeDirectory(join(directory, "link"));
  disk.makeDirectory(join(directory, "link", "a", "b"));
  expect(disk.status(join(directory, "real", "a", "b"))?.kind).toBe("directory");
  cleanUp();
});

test("disk: a closed file is not read with others, whoever has its descriptor now", () => {
  const { directory, cleanUp } = realDirectory();
  const disks = [
    { disk: new NodeDisk(), native: loadNative() !== null },
    { disk: new NodeDisk(null), native: false },
  ];
  for (const { disk, native } of disks) {
    const file = disk.open(join(directory, "a"), { mode: "create" });
    file.write(Buffer.alloc(8), 0);
    file.close();
    const rows = Uint32Array.of(0, 0, 8, 0, 0);
    const read = () => disk.readMany([file], Buffer.alloc(8), rows, 1);
    // Without the addon a row that fails spoils no other.
    if (native) expect(read).toThrow();
    else read();
    expect(rows[4]).not.toBe(8);
    disk.unlink(join(directory, "a"));
  }
  cleanUp();
});

test("disk: whoever locks a file that was taken away meanwhile holds no lock", () => {
  const native = loadNative();
  if (native === null) return;
  const { directory, cleanUp } = realDirectory();
  const path = join(directory, "lock");
  const first = lockFile(path, native);
  // Each time the second one has the file open, and the first one goes before it is locked.
  let third: FileLock | null = null;
  const meanwhile = [
    () => first?.remove(),
    () => {
      third = lockFile(path, native);
    },
  ];
  const flock = (fd: number): number => {
    for (const happens of meanwhile.splice(0)) happens();
    return native.flock(fd);
  };
  const slow = { ...native, flock } as typeof native;
  expect(lockFile(path, slow)).toBeNull();
  expect(third).not.toBeNull();
  meanwhile.push(() => (third as FileLock | null)?.remove());
  const second = lockFile(path, slow);
  expect(second).not.toBeNull();
  expect(lockFile(path, native)).toBeNull();
  second?.release();
  cleanUp();
});

test("disk: a lock taken without the addon holds against one taken with it", () => {
  const { directory, cleanUp } = realDirectory();
  const lock = new NodeDisk(null).lock(join(directory, "lock"));
  expect(new NodeDisk().lock(join(directory, "lock"))).toBeNull();
  lock!.release();
  cleanUp();
});
