/**
 * Replaces a file so that whatever moment the machine stops at, the old bytes or the new ones stand
 * under the name, whole. One procedure for every disk. docs/formats/files.md.
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
    file.write(data, 0);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  disk.syncDirectory(dirname(path));
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
    await file.writeFile(data);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
