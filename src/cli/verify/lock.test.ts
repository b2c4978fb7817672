// Goal: `verify` reads where nothing can be written, makes nothing there, and still leaves a
// directory alone that a node holds.
import { expect, test } from "vitest";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { lockForReading } from "./lock.ts";

const path = "/data/lock";

/** A disk that is mounted read-only, or another user's, once it was filled. */
class Unwritable extends MemoryDisk {
  code = "";
  /** What the lock file itself says to whoever opens it. */
  lockCode = "";

  override lock(at: string, mode?: "existing") {
    const code = mode === "existing" ? this.lockCode : this.code;
    if (code !== "") throw Object.assign(new Error(code), { code });
    return super.lock(at, mode);
  }
}

function filled(lockFile: boolean): Unwritable {
  const disk = new Unwritable();
  disk.makeDirectory("/data");
  if (lockFile) disk.lock(path)?.release();
  return disk;
}

test("verify: a lock that it made goes with it, one that was there stays", () => {
  for (const there of [true, false]) {
    const disk = filled(there);
    const lock = lockForReading(disk, "/data");
    expect(lockForReading(disk, "/data")).toBeNull();
    lock?.release();
    expect(disk.list("/data")).toEqual(there ? ["lock"] : []);
  }
});

test("verify: what cannot be written to is read without making a lock", () => {
  for (const code of ["EROFS", "EACCES", "EPERM"]) {
    const disk = filled(false);
    disk.code = code;
    lockForReading(disk, "/data")?.release();
    expect(disk.list("/data")).toEqual([]);
  }
});

test("verify: a node is noticed by its lock where nothing can be written", () => {
  const disk = filled(true);
  const node = disk.lock(path);
  disk.code = "EROFS";
  expect(lockForReading(disk, "/data")).toBeNull();
  node?.release();
  const lock = lockForReading(disk, "/data");
  expect(lock).not.toBeNull();
  expect(disk.lock(path, "existing")).toBeNull();
  lock?.release();
});

test("verify: a lock that cannot even be read does not keep it from reading the data", () => {
  for (const code of ["EACCES", "EBADF"]) {
    const disk = filled(true);
    disk.code = "EACCES";
    disk.lockCode = code;
    expect(lockForReading(disk, "/data")).not.toBeNull();
  }
  const broken = filled(true);
  broken.code = "EIO";
  expect(() => lockForReading(broken, "/data")).toThrow(/EIO/);
});
