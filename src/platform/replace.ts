/**
 * Replaces a file so that whatever moment the machine stops at, the old bytes or the new ones stand
 * under the name, whole. One procedure for every disk. What fails takes the half of a new file away
 * again: on a full disk it would hold room, and nobody would ask for it. docs/formats/files.md.
 * @module
 */
import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Disk } from "../base/ports.ts";

/** As `Disk.replaceFile`: the bytes are durable before the name is, and both before it returns. */
export function replaceFile(disk: Disk, path: string, data: Uint8Array): void {
  const temporary = `${path}.tmp`;
  if (disk.status(temporary) !== null) disk.unlink(temporary);
  const file = disk.open(temporary, { mode: "create" });
  try {
    try {
      file.write(data, 0);
      file.sync();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
  } catch (error) {
    removeQuietly(disk, temporary);
    throw error;
  }
  disk.syncDirectory(dirname(path));
}

function removeQuietly(disk: Disk, temporary: string): void {
  try {
    disk.unlink(temporary);
  } catch {} // The next replacement, or the next start, takes it away.
}

/** The same on Node's files, none of whose steps holds up the event loop. */
export async function replaceFileAsync(
  path: string,
  data: Uint8Array,
  mode: number,
): Promise<void> {
  const temporary = `${path}.tmp`;
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", mode);
  try {
    try {
      await file.writeFile(data);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
