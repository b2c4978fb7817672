/**
 * One process to a data directory: an exclusive flock(2), which the kernel releases when its last
 * holder dies, so no stale lock is ever left. Node has no flock; without the addon util-linux's
 * `flock` takes it on the inherited descriptor, and as the lock belongs to the open file
 * description it stays ours when that helper ends.
 * @module
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { constants as system } from "node:os";
import { StrongroomError } from "../base/errors.ts";
import type { NativeAddon } from "./native.ts";
import { systemError } from "./node-file.ts";

/**
 * Takes the lock; null if another holds it. The file is made 0600 if missing, never removed.
 * @param mode - `existing`: it is not made, and opened to be read where it cannot be written.
 */
export function lockFile(
  path: string,
  native: NativeAddon | null,
  mode?: "existing",
): { release(): void } | null {
  const fd = mode === "existing" ? openExisting(path) : openOrMake(path);
  let held = false;
  try {
    held = native === null ? lockByHelper(fd) : lockByAddon(fd, native);
  } finally {
    if (!held) closeSync(fd);
  }
  if (!held) return null;
  let open = true;
  return {
    release() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

function openOrMake(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
}

/** Writable where it can be: NFS gives an exclusive lock on nothing else. flock(2), NFS details. */
function openExisting(path: string): number {
  try {
    return openSync(path, constants.O_RDWR);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    return openSync(path, constants.O_RDONLY);
  }
}

/** What open(2) says where something is there and may be read at most. */
export function isUnwritable(error: unknown): boolean {
  return ["EACCES", "EPERM", "EROFS"].includes(String((error as { code?: unknown }).code));
}

function lockByAddon(fd: number, native: NativeAddon): boolean {
  const result = native.flock(fd);
  if (result === 0) return true;
  if (-result === system.errno.EWOULDBLOCK) return false;
  throw systemError(result, "flock");
}

function lockByHelper(fd: number): boolean {
  const helper = spawnSync("flock", ["-x", "-n", "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
  });
  if (helper.status === 0) return true;
  // flock(1), EXIT STATUS: 1 is "could not be taken" for -n.
  if (helper.status === 1) return false;
  throw new StrongroomError("DISK_LOCK_UNSUPPORTED", `flock ended with ${helper.status}`);
}
