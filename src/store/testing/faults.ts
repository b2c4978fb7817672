/**
 * Damage to the files of a directory on a memory disk, one fault at a time.
 * @module
 */
import { crc32 } from "node:zlib";
import type { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { storeDirectory } from "./world.ts";

export const faultKinds = [
  "bit-flip",
  "tail-cut",
  "mid-cut",
  "swap-blocks",
  "zero-block",
  "delete-file",
  "duplicate-file",
  "old-file",
] as const;
export type FaultKind = (typeof faultKinds)[number];

const blockBytes = 4096;

export function rewriteFile(disk: MemoryDisk, path: string, data: Uint8Array): void {
  if (disk.status(path) === null) disk.open(path, { mode: "create" }).close();
  const file = disk.open(path, { mode: "write" });
  file.truncate(0);
  if (data.length > 0) file.write(data, 0);
  file.sync();
  file.close();
}

/** All names and bytes of a disk in short: to see that nothing was changed. */
export function fingerprint(disk: MemoryDisk): string {
  const parts = [...disk.contents()].map(
    ([path, bytes]) => `${path}:${bytes.length}:${crc32(bytes)}`,
  );
  return parts.join();
}

/** A place in a block that is not all zeros. */
function writtenPlace(data: Buffer, draw: (bound: number) => number): number {
  const starts: number[] = [];
  for (let start = 0; start < data.length; start += blockBytes)
    if (data.subarray(start, start + blockBytes).some((byte) => byte !== 0)) starts.push(start);
  const start = starts[draw(starts.length)] as number;
  return start + draw(Math.min(blockBytes, data.length - start));
}

/**
 * Does one fault to a file that `draw` chooses.
 * @param older - The same directory earlier.
 * @returns What was done, null if this fault changes nothing there.
 */
export function damage(
  disk: MemoryDisk,
  kind: FaultKind,
  older: MemoryDisk,
  draw: (bound: number) => number,
): string | null {
  const names = disk.list(storeDirectory);
  const name = names[draw(names.length)] as string;
  const path = `${storeDirectory}/${name}`;
  const data = disk.readFile(path);
  const say = (what: string) => `${name} (${data.length} bytes): ${what}`;
  const place = writtenPlace(data, draw);
  switch (kind) {
    case "bit-flip": {
      const changed = Buffer.from(data);
      changed[place] = (changed[place] as number) ^ (1 << draw(8));
      rewriteFile(disk, path, changed);
      return say(`bit of byte ${place} flipped`);
    }
    case "tail-cut": {
      const cut = 1 + draw(Math.min(data.length, [64, blockBytes, 1 << 30][draw(3)] as number));
      rewriteFile(disk, path, data.subarray(0, data.length - cut));
      return say(`last ${cut} bytes cut`);
    }
    case "mid-cut": {
      const cut = 1 + draw([2, 64, blockBytes][draw(3)] as number);
      rewriteFile(disk, path, Buffer.concat([data.subarray(0, place), data.subarray(place + cut)]));
      return say(`${cut} bytes cut out at ${place}`);
    }
    case "swap-blocks": {
      const size = Math.min(blockBytes, data.length >> 1);
      const count = Math.floor(data.length / size);
      const [one, other] = [draw(count) * size, draw(count) * size];
      const changed = Buffer.from(data);
      data.copy(changed, one, other, other + size);
      data.copy(changed, other, one, one + size);
      if (changed.equals(data)) return null;
      rewriteFile(disk, path, changed);
      return say(`blocks at ${one} and ${other} swapped`);
    }
    case "zero-block": {
      const start = place - (place % blockBytes);
      const changed = Buffer.from(data);
      changed.fill(0, start, Math.min(start + blockBytes, data.length));
      rewriteFile(disk, path, changed);
      return say(`block at ${start} zeroed`);
    }
    case "delete-file":
      disk.unlink(path);
      return say("deleted");
    case "duplicate-file":
      return duplicate(disk, path, data, draw);
    case "old-file": {
      if (older.status(path) === null) return null;
      const old = older.readFile(path);
      if (old.equals(data)) return null;
      rewriteFile(disk, path, old);
      return say(`replaced by the old ${old.length} bytes`);
    }
  }
}

function duplicate(
  disk: MemoryDisk,
  path: string,
  data: Buffer,
  draw: (bound: number) => number,
): string | null {
  const digits = [...path.matchAll(/\d/g)].map((match) => match.index);
  let target = path + ([".copy", ".1", "~"][draw(3)] as string);
  if (digits.length > 0 && draw(3) > 0) {
    const at = digits[draw(digits.length)] as number;
    target = path.slice(0, at) + ((Number(path[at]) + 1) % 10) + path.slice(at + 1);
  }
  if (disk.status(target) !== null) return null;
  rewriteFile(disk, target, data);
  return `${path} duplicated as ${target}`;
}
