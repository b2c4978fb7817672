/**
 * What every Disk must do, whatever it stands on. Run by the real one and by the one in memory, so
 * that what is proven on the second holds on the first.
 * @module
 */
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Disk, DiskFile } from "../base/ports.ts";
import { directAlignment } from "./aligned.ts";

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An existing, empty, writable directory. */
  readonly directory: string;
  cleanUp(): void;
}

function writeAsync(file: DiskFile, data: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) =>
    file.writeAsync(data, position, (error) => (error === null ? resolve() : reject(error))),
  );
}

function read(file: DiskFile, bytes: number, position: number): string {
  const target = Buffer.alloc(bytes);
  return target.subarray(0, file.read(target, position)).toString();
}

export function diskSuite(name: string, make: () => DiskUnderTest): void {
  describe(`disk: ${name}`, () => {
    let under: DiskUnderTest;
    let disk: Disk;
    const at = (...names: string[]) => join(under.directory, ...names);
    beforeEach(() => {
      under = make();
      disk = under.disk;
    });
    afterEach(() => under.cleanUp());
    filesSuite(() => disk, at);
    namesSuite(() => disk, at);
    directSuite(() => disk, at);
  });
}

type At = (...names: string[]) => string;

function filesSuite(disk: () => Disk, at: At): void {
  test("what was written is read, to the end of the file and not beyond", () => {
    const file = disk().open(at("a"), { mode: "create" });
    file.write(Buffer.from("hello world"), 0);
    file.write(Buffer.from("W"), 6);
    expect(read(file, 100, 0)).toBe("hello World");
    expect(read(file, 3, 9)).toBe("ld");
    expect(read(file, 3, 50)).toBe("");
    expect(file.size()).toBe(11);
    file.close();
    expect(disk().readFile(at("a")).toString()).toBe("hello World");
  });

  test("reads that are made together give what each gives alone, and spoil no other", () => {
    const files = ["a", "b"].map((name) => disk().open(at(name), { mode: "create" }));
    files[0]!.write(Buffer.from("hello world"), 0);
    files[1]!.write(Buffer.from("strongroom"), 0);
    const target = Buffer.alloc(32, ".");
    const rows = Uint32Array.of(
      ...[9, 0, 5, 6, 9],
      ...[9, 8, 6, 0, 9],
      ...[9, 16, 8, 6, 9],
      ...[9, 24, 3, 100, 9],
    );
    disk().readMany([files[0]!, files[1]!, files[1]!, files[0]!], target, rows, 4);
    expect(target.toString()).toBe("world...strong..room............");
    expect([4, 9, 14, 19].map((place) => rows[place])).toEqual([5, 6, 4, 0]);
    // What was just written is in the cache.
    expect([rows[0], rows[5]]).toEqual([0, 0]);
    expect(() => disk().readMany(files, target, rows, 5)).toThrow(RangeError);
    for (const file of files) file.close();
  });

  test("what the cache holds is read at once; what lies behind the end never is", () => {
    const file = disk().open(at("a"), { mode: "create" });
    file.write(Buffer.from("hello world"), 0);
    const target = Buffer.alloc(5);
    expect([file.readCached(target, 6), target.toString()]).toEqual([true, "world"]);
    expect(file.readCached(target, 7)).toBe(false);
    expect(file.readCached(target, 100)).toBe(false);
    file.close();
    expect(() => file.readCached(target, 0)).toThrow();
  });

  test("to warm a range, whole, in part or beyond the end, changes nothing", () => {
    const file = disk().open(at("a"), { mode: "create" });
    file.write(Buffer.alloc(300_000, "strongroom"), 0);
    const before = disk().readFile(at("a"));
    for (const [position, length] of [
      [0, 300_000],
      [4096, 1],
      [5, 0],
      [250_000, 2 ** 33],
    ] as const)
      file.warm(position, length);
    expect(file.size()).toBe(300_000);
    expect(disk().readFile(at("a")).equals(before)).toBe(true);
    file.close();
    expect(() => file.warm(0, 1)).toThrow();
  });

  test("a gap reads as zeros, also after the file was cut and grew again", () => {
    const file = disk().open(at("a"), { mode: "create" });
    file.write(Buffer.from("abcdef"), 0);
    file.truncate(2);
    file.write(Buffer.from("x"), 4);
    expect(read(file, 10, 0)).toBe("ab\0\0x");
    file.close();
  });

  test("asynchronous writes and syncs report once done", async () => {
    const file = disk().open(at("a"), { mode: "create" });
    await writeAsync(file, Buffer.from("one"), 0);
    await writeAsync(file, Buffer.from("two"), 3);
    await new Promise<void>((resolve, reject) =>
      file.syncAsync((error) => (error === null ? resolve() : reject(error))),
    );
    expect(read(file, 10, 0)).toBe("onetwo");
    file.close();
  });

  test("create refuses a file that exists, read and write one that does not", () => {
    disk().open(at("a"), { mode: "create" }).close();
    expect(() => disk().open(at("a"), { mode: "create" })).toThrow(/EEXIST/);
    expect(() => disk().open(at("b"), { mode: "read" })).toThrow(/ENOENT/);
    expect(() => disk().open(at("b"), { mode: "write" })).toThrow(/ENOENT/);
    expect(() => disk().open(at("no", "b"), { mode: "create" })).toThrow(/ENOENT/);
  });

  test("a file opened to read cannot be written", () => {
    disk().open(at("a"), { mode: "create" }).close();
    const file = disk().open(at("a"), { mode: "read" });
    expect(() => file.write(Buffer.from("x"), 0)).toThrow(/EBADF/);
    file.close();
    expect(disk().status(at("a"))!.bytes).toBe(0);
  });

  test("a closed file can be closed again and not used", () => {
    const file = disk().open(at("a"), { mode: "create" });
    file.close();
    file.close();
    expect(() => file.write(Buffer.from("x"), 0)).toThrow(/closed/);
    expect(() => file.read(Buffer.alloc(1), 0)).toThrow(/closed/);
  });

  test("a file unlinked in pieces is gone; what has a second name stays whole there", async () => {
    const bytes = Buffer.alloc(20 << 20, 7);
    for (const name of ["a", "b", "empty"]) {
      const file = disk().open(at(name), { mode: "create" });
      file.write(name === "empty" ? Buffer.alloc(0) : bytes, 0);
      file.close();
    }
    disk().link(at("b"), at("c"));
    for (const name of ["a", "b", "empty"]) {
      await disk().unlinkInPieces(at(name));
      expect(disk().status(at(name))).toBe(null);
    }
    expect(disk().readFile(at("c")).equals(bytes)).toBe(true);
    await expect(disk().unlinkInPieces(at("a"))).rejects.toMatchObject({ code: "ENOENT" });
  });
}

function namesSuite(disk: () => Disk, at: At): void {
  test("directories are made with their parents, 0700, and listed in order", () => {
    disk().makeDirectory(at("x", "y"));
    disk().makeDirectory(at("x", "y"));
    expect(disk().status(at("x"))).toMatchObject({ kind: "directory", mode: 0o700 });
    for (const name of ["b", "a", "c"]) disk().open(at("x", name), { mode: "create" }).close();
    expect(disk().list(at("x"))).toEqual(["a", "b", "c", "y"]);
    expect(disk().list(at("none"))).toEqual([]);
    disk().syncDirectory(at("x"));
  });

  test("files are 0600; what does not exist has no status", () => {
    disk().open(at("a"), { mode: "create" }).close();
    expect(disk().status(at("a"))).toEqual({ kind: "file", bytes: 0, mode: 0o600, links: 1 });
    expect(disk().status(at("b"))).toBeNull();
  });

  test("rename replaces; the replaced file lives on for who has it open", () => {
    const old = disk().open(at("b"), { mode: "create" });
    old.write(Buffer.from("old"), 0);
    disk().replaceFile(at("a"), Buffer.from("new"));
    disk().rename(at("a"), at("b"));
    expect(disk().readFile(at("b")).toString()).toBe("new");
    expect(read(old, 3, 0)).toBe("old");
    expect(disk().list(at())).toEqual(["b"]);
    old.close();
    expect(() => disk().rename(at("a"), at("b"))).toThrow(/ENOENT/);
  });

  test("a link is a second name of the same bytes", () => {
    disk().replaceFile(at("a"), Buffer.from("same"));
    disk().link(at("a"), at("b"));
    expect([disk().status(at("a"))!.links, disk().status(at("b"))!.links]).toEqual([2, 2]);
    disk().unlink(at("a"));
    expect(disk().status(at("b"))!.links).toBe(1);
    expect(disk().readFile(at("b")).toString()).toBe("same");
    expect(() => disk().unlink(at("a"))).toThrow(/ENOENT/);
    disk().replaceFile(at("a"), Buffer.from("other"));
    expect(() => disk().link(at("a"), at("b"))).toThrow(/EEXIST/);
  });

  test("replaceFile leaves the new bytes and no temporary file, even over a stale one", () => {
    disk().open(at("a.tmp"), { mode: "create" }).close();
    disk().replaceFile(at("a"), Buffer.from("one"));
    disk().replaceFile(at("a"), Buffer.from("two"));
    expect(disk().list(at())).toEqual(["a"]);
    expect(disk().readFile(at("a")).toString()).toBe("two");
    expect(disk().status(at("a"))!.mode).toBe(0o600);
  });

  test("a replacement that fails leaves no temporary file, in both forms", async () => {
    disk().makeDirectory(at("a"));
    expect(() => disk().replaceFile(at("a"), Buffer.from("one"))).toThrow(/EISDIR/);
    expect(disk().list(at())).toEqual(["a"]);
    await expect(disk().replaceFileAsync(at("a"), Buffer.from("one"))).rejects.toThrow(/EISDIR/);
    expect(disk().list(at())).toEqual(["a"]);
    expect(disk().status(at("a"))?.kind).toBe("directory");
  });

  test("a lock has one holder, and is free once released", () => {
    const lock = disk().lock(at("lock"));
    expect(lock).not.toBeNull();
    expect(disk().lock(at("lock"))).toBeNull();
    lock!.release();
    lock!.release();
    const again = disk().lock(at("lock"));
    expect(again).not.toBeNull();
    again!.release();
  });

  test("a lock file is taken away with its lock, and made again by the next one", () => {
    const lock = disk().lock(at("lock"))!;
    expect(lock.made).toBe(true);
    lock.remove();
    lock.remove();
    expect(disk().list(at())).toEqual([]);
    const next = disk().lock(at("lock"))!;
    lock.remove();
    lock.release();
    expect(disk().list(at())).toEqual(["lock"]);
    expect(disk().lock(at("lock"))).toBeNull();
    next.release();
    const again = disk().lock(at("lock"))!;
    expect(again.made).toBe(false);
    again.release();
  });

  test("a directory is removed once it is empty", () => {
    disk().makeDirectory(at("d"));
    disk().open(at("d/a"), { mode: "create" }).close();
    expect(() => disk().removeDirectory(at("d"))).toThrow(/ENOTEMPTY/);
    expect(() => disk().removeDirectory(at("d/a"))).toThrow(/ENOTDIR/);
    disk().unlink(at("d/a"));
    disk().removeDirectory(at("d"));
    expect(disk().status(at("d"))).toBeNull();
  });

  test("a lock on an existing file makes none, and holds against every other", () => {
    expect(() => disk().lock(at("lock"), "existing")).toThrow(/ENOENT/);
    expect(disk().list(at())).toEqual([]);
    disk().lock(at("lock"))!.release();
    const lock = disk().lock(at("lock"), "existing");
    expect(disk().lock(at("lock"))).toBeNull();
    expect(disk().lock(at("lock"), "existing")).toBeNull();
    lock!.release();
  });

  test("free space is a number of bytes", () => {
    expect(disk().freeBytes(at())).toBeGreaterThan(0);
  });
}

function directSuite(disk: () => Disk, at: At): void {
  test("aligned memory is zeroed, writable and shareable", () => {
    const memory = disk().alignedBuffer(3 * directAlignment);
    expect(memory.length).toBe(3 * directAlignment);
    expect(memory.byteOffset).toBe(0);
    expect(memory.every((byte) => byte === 0)).toBe(true);
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  for (const dsync of [false, true])
    test(`direct writes${dsync ? ", O_DSYNC," : ""} work where granted, else buffered`, () => {
      const memory = disk().alignedBuffer(2 * directAlignment);
      memory.fill("strongroom");
      const file = disk().open(at("a"), { mode: "create", direct: true, dsync });
      file.write(memory, 0);
      file.write(memory.subarray(directAlignment), directAlignment);
      const back = disk().alignedBuffer(directAlignment);
      expect(file.read(back, directAlignment)).toBe(directAlignment);
      expect(back.equals(memory.subarray(directAlignment))).toBe(true);
      file.close();
      expect(disk().readFile(at("a")).equals(memory)).toBe(true);
    });
}
