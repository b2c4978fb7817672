// Goal: both implementations behave alike and produce the same bytes.
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DiskFile } from "../base/ports.ts";
import { alignedBuffer } from "./aligned.ts";
import { NodeDisk } from "./disk.ts";
import { loadNative } from "./native.ts";
import { nativePrimitives } from "./native-primitives.ts";
import { primitivesSuite } from "./primitives.suite.ts";
import { loadPrimitives } from "./primitives.ts";

const addon = loadNative();
const node = loadPrimitives("node");
primitivesSuite(node);

test("primitives: without the addon node:crypto serves, unless it is insisted on", () => {
  if (addon === null) {
    expect(() => loadPrimitives("native")).toThrow(/not available/);
    expect(loadPrimitives().kind).toBe("node");
  } else expect(loadPrimitives().kind).toBe("native");
});

if (addon !== null) {
  const native = loadPrimitives("native");
  primitivesSuite(native);

  test("primitives: both implementations produce the same bytes", () => {
    const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        bytes(256),
        bytes(600),
        bytes(3000),
        (key, prefix, aad, text) => {
          const outputs = [native, node].map((primitives) => {
            const buffer = Buffer.concat([aad, key.subarray(0, 12), text, Buffer.alloc(16 + 32)]);
            primitives.aead(key, prefix).seal(buffer, 0, aad.length, text.length);
            const signed = buffer.length - 32;
            primitives.mac(text).sign(buffer, 0, signed, buffer, signed, 32);
            return buffer;
          });
          expect(outputs[0]!.equals(outputs[1]!)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("native: many keys live side by side", () => {
    const buffer = Buffer.alloc(64);
    const macs = Array.from({ length: 300 }, (_, i) => native.mac(Buffer.from([i & 255, i >> 8])));
    macs.forEach((mac, i) => {
      const expected = Buffer.alloc(32);
      node.mac(Buffer.from([i & 255, i >> 8])).sign(buffer, 32, 8, expected, 0, 32);
      mac.sign(buffer, 32, 8, buffer, 0, 32);
      expect(buffer.subarray(0, 32).equals(expected)).toBe(true);
    });
    for (const mac of macs) mac.dispose();
  });

  test("native: a key that is collected without dispose is zeroed and freed", async () => {
    const freed: number[] = [];
    const dispose = (key: number) => {
      freed.push(key);
      addon.dispose(key);
    };
    const spied = nativePrimitives({ ...addon, dispose });
    for (let i = 0; i < 50; i++) {
      spied.mac(Buffer.alloc(32));
      spied.aead(Buffer.alloc(32), Buffer.alloc(0));
    }
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    for (let turn = 0; turn < 50 && freed.length < 90; turn++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(freed.length).toBeGreaterThanOrEqual(90);
    expect(new Set(freed).size).toBe(freed.length);
  });

  test("native: a worker thread has keys of its own", async () => {
    const url = JSON.stringify(new URL("./primitives.ts", import.meta.url).href);
    const source = `
      const { parentPort } = require("node:worker_threads");
      import(${url}).then(({ loadPrimitives }) => {
        const out = Buffer.alloc(32);
        loadPrimitives("native").mac(Buffer.alloc(32, 1)).sign(out, 0, 32, out, 0, 32);
        parentPort.postMessage(out.toString("hex"));
      });`;
    const answers = [1, 2].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(source, { eval: true, execArgv: [] });
          worker.once("message", resolve).once("error", reject);
        }),
    );
    const expected = Buffer.alloc(32);
    node.mac(Buffer.alloc(32, 1)).sign(expected, 0, 32, expected, 0, 32);
    expect(await Promise.all(answers)).toEqual([
      expected.toString("hex"),
      expected.toString("hex"),
    ]);
  });

  test("native: reads at a place into a part of a buffer, and answers with a negated errno", () => {
    const directory = mkdtempSync(join(tmpdir(), "strongroom-native-"));
    writeFileSync(join(directory, "a"), "hello world");
    const fd = openSync(join(directory, "a"), "r");
    const target = Buffer.alloc(8, ".");
    expect(addon.pread(fd, target, 2, 5, 6)).toBe(5);
    expect(target.toString()).toBe("..world.");
    expect(addon.pread(fd, target, 0, 8, 100)).toBe(0);
    expect(addon.pread(999_999, target, 0, 8, 0)).toBeLessThan(0);
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 32]) {
      expect(() => addon.pread(wrong, target, 0, 1, 0)).toThrow(RangeError);
      expect(() => addon.pread(fd, target, wrong, 1, 0)).toThrow(RangeError);
      expect(() => addon.pread(fd, target, 0, wrong, 0)).toThrow(RangeError);
    }
    expect(() => addon.pread(fd, target, 4, 5, 0)).toThrow(RangeError);
    target.fill(".");
    const rows = Uint32Array.of(
      ...[fd, 0, 3, 2, 9],
      ...[999_999, 3, 1, 0, 9],
      ...[fd, 4, 3, 10, 9],
    );
    addon.preadMany(target, rows, 3);
    expect(target.toString()).toBe("llo.d...");
    expect([rows[4], rows[9]! | 0, rows[14]]).toEqual([3, -9, 1]);
    expect([rows[0], rows[5]]).toEqual([0, 0]);
    // Rows that were read have lost their descriptors.
    for (const at of [0, 5, 10]) rows[at] = fd;
    expect(() => addon.preadMany(target, rows, 4)).toThrow(RangeError);
    for (const place of [0, 1, 2]) {
      const wrong = rows.map((value, at) => (at === place ? 0xffff_ffff : value));
      expect(() => addon.preadMany(target, wrong, 3)).toThrow(RangeError);
    }
    expect(() => addon.preadMany(target, new Int32Array(5) as never, 1)).toThrow(TypeError);
    expect(() => addon.pread(fd, "text" as never, 0, 0, 0)).toThrow(TypeError);
    rmSync(directory, { recursive: true });
  });

  test("native: tells what waits for the disk, and no more once it was read", () => {
    const directory = mkdtempSync(join(tmpdir(), "strongroom-native-"));
    const disk = new NodeDisk();
    const pages = disk.alignedBuffer(8192);
    pages.fill("strongroom");
    const found = ["a", "b"].map((name) => {
      const written = disk.open(join(directory, name), { mode: "create", direct: true });
      written.write(pages, 0);
      written.close();
      const file = disk.open(join(directory, name), { mode: "read" });
      return { file, past: written.direct };
    });
    const [one, other] = found.map(({ file }) => file) as [DiskFile, DiskFile];
    const target = Buffer.alloc(10);
    const first = addon.preadCached(one.fd, target, 0, 10, 4090);
    // A file system that cannot tell reads, and one without direct writes has it in its cache.
    expect([10, -constants.errno.EAGAIN]).toContain(first);
    expect(found[0]!.past || first === 10).toBe(true);
    const rows = Uint32Array.of(other.fd, 0, 10, 4090, 9);
    addon.preadMany(target, rows, 1);
    // The kernel may have either page in its cache all the same, at its own will.
    expect(found[1]!.past ? [0, 1] : [0]).toContain(rows[0]);
    expect(rows[4]).toBe(10);
    expect(target.toString()).toBe("strongroom");
    one.read(target, 4090);
    for (const file of [one, other]) {
      target.fill(0);
      expect(addon.preadCached(file.fd, target, 0, 10, 4090)).toBe(10);
      expect(target.toString()).toBe("strongroom");
      file.close();
    }
    expect(() => addon.preadCached(0, target, 4, 7, 0)).toThrow(RangeError);
    expect(addon.preadCached(999_999, target, 0, 10, 0)).toBe(-constants.errno.EBADF);
    rmSync(directory, { recursive: true });
  });

  test("native: aligned memory begins on a page", () => {
    for (const bytes of [1, 4096, 4097, 2 ** 20, 2 ** 24])
      expect(addon.pageOffset(alignedBuffer(bytes))).toBe(0);
    expect(addon.pageOffset(alignedBuffer(8192).subarray(100))).toBe(100);
  });
}
