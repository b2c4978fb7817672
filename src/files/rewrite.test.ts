// Goal: what is written once more is durable, and is what was found or nothing.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { alignUp, blockBytes, fileSeed, frameHeaderBytes, writeFrameHeader } from "./framing.ts";
import { rewriteFrames } from "./rewrite.ts";

const seed = fileSeed(3);
const bodyBytes = 2_500_000;
const used = frameHeaderBytes + bodyBytes;
const end = blockBytes + alignUp(used);

/** A file whose one frame, without the padding behind it, went with a sync that failed. */
function afterFailedSync(): MemoryDisk {
  const disk = new MemoryDisk({ direct: false });
  const file = disk.open("/f", { mode: "create" });
  file.write(Buffer.alloc(blockBytes, 1), 0);
  file.sync();
  disk.syncDirectory("/");
  const frame = Buffer.alloc(used, "frame ");
  writeFrameHeader(frame, 0, bodyBytes, seed, blockBytes, blockBytes);
  file.write(frame, blockBytes);
  disk.fail("sync", "EIO");
  expect(() => file.sync()).toThrow("EIO");
  return disk;
}

test("frames that a failed sync lost are durable once they are written once more", () => {
  const disk = afterFailedSync();
  const shown = disk.readFile("/f");
  disk.open("/f", { mode: "write" }).sync();
  expect(disk.fork({ kind: "kept" }).readFile("/f").length).toBe(blockBytes);
  rewriteFrames(disk.open("/f", { mode: "write" }), seed, blockBytes, end);
  disk.crash({ kind: "dropped" });
  expect(disk.readFile("/f").equals(shown)).toBe(true);
});

test("frames that are not what was found any more are refused", () => {
  for (const at of [blockBytes + 2, blockBytes + 1_200_000, blockBytes + used - 1]) {
    const disk = afterFailedSync();
    disk.rot("/f", at);
    const file = disk.open("/f", { mode: "write" });
    expect(() => rewriteFrames(file, seed, blockBytes, end)).toThrow("now up to 4096");
  }
  const disk = afterFailedSync();
  disk.open("/f", { mode: "write" }).truncate(blockBytes);
  const file = disk.open("/f", { mode: "write" });
  expect(() => rewriteFrames(file, seed, blockBytes, end)).toThrow("now up to 4096");
});
