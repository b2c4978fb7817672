/**
 * Records of a stopped node's store that no longer open.
 * @module
 */
import { kindPut } from "../../entry/record.ts";
import { alignUp, blockBytes, frameHeaderBytes } from "../../files/framing.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { NodeOptions } from "../api.ts";
import { openTestNode, type TestNode } from "./harness.ts";

/** Longer than every other record of a small store. */
const largeBytes = 3000;

/** Damages the records of large values. Called again, it mends them. */
export function rotStore(disk: MemoryDisk): void {
  for (const [path, bytes] of disk.contents()) {
    if (!path.endsWith(".segment")) continue;
    for (let at = blockBytes; at + frameHeaderBytes < bytes.length; ) {
      const length = bytes.readUInt32BE(at);
      const put = bytes[at + frameHeaderBytes] === kindPut;
      if (put && length > largeBytes) disk.rot(path, at + largeBytes / 2);
      at = length === 0 ? alignUp(at + 1) : at + frameHeaderBytes + length;
    }
  }
}

/** A disk on which the record of the key "bad", in its database, is damaged. */
export async function damagedDisk(
  options: Partial<NodeOptions> = {},
  fill: (node: TestNode) => Promise<unknown> = () => Promise.resolve(),
): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk, options);
  await first.run("set", "bad", "x".repeat(largeBytes));
  await fill(first);
  await first.node.close();
  rotStore(disk);
  return disk;
}
