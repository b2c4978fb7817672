/**
 * Removes large files without holding up durable writes. A filesystem that tells its disk which
 * blocks are free (ext4 with `discard`) does so when the removal is committed, and until then the
 * writes behind it wait: 10 to 20 ms for 64 MiB, 2 ms for 8 MiB.
 * @module
 */
import { open, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const pieceBytes = 8 << 20;
/** Between two pieces, so that each is committed for itself. */
const pauseMs = 10;

/**
 * Cuts a file piece by piece, then removes it. Its first piece stays to the end: a crash may bring
 * back the file, or an older name of it, and its header then still tells what it was. One with
 * further names is theirs: left whole.
 */
export async function unlinkInPieces(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size, nlink } = await file.stat();
    for (let left = size - pieceBytes; nlink === 1 && left >= pieceBytes; left -= pieceBytes) {
      await file.truncate(left);
      await sleep(pauseMs);
    }
  } finally {
    await file.close();
  }
  await unlink(path);
}
