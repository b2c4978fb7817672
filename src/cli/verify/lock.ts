/**
 * Holds a data directory while `verify` reads it. Backups lie where nothing can be written: on a
 * read-only mount, in another user's copy. There no lock is made, and a node that runs all the same
 * is noticed by the lock that it holds, wherever that file may be opened.
 * @module
 */
import type { Disk } from "../../base/ports.ts";
import { folders } from "../../node/folders.ts";
import { isUnwritable } from "../../platform/lock.ts";

/** Without a lock file nobody holds the directory. */
const unheld = { release(): void {} };

/** @returns null while a node holds it. */
export function lockForReading(disk: Disk, dataDir: string): { release(): void } | null {
  const path = `${dataDir}/${folders.lock}`;
  try {
    const lock = disk.lock(path);
    // One that was not there before is taken away again: nothing is changed.
    return lock?.made === true ? { release: () => lock.remove() } : lock;
  } catch (error) {
    if (!isUnwritable(error)) throw error;
  }
  try {
    return disk.lock(path, "existing");
  } catch (error) {
    // EBADF: NFS locks nothing that is open to be read.
    const { code } = error as { code?: unknown };
    if (!isUnwritable(error) && code !== "ENOENT" && code !== "EBADF") throw error;
    return unheld;
  }
}
