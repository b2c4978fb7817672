/**
 * One process to a data directory: an exclusive flock(2), which the kernel releases when its last
 * holder dies, so no stale lock is ever left. Node has no flock; without the addon util-linux's
 * `flock` takes it on the inherited descriptor, and as the lock belongs to the open file
 * description it stays ours when that helper ends. A lock file may be taken away by its holder;
 * the hazard is then a process that locks the nameless file while another makes and locks a new
 * one, so a lock counts only once the file was seen, under the lock, to have its name.
 * @module
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, openSync, statSync, unlinkSync } from "node:fs";
import { constants as system } from "node:os";
import { StrongroomError } from "../base/errors.ts";
import type { FileLock } from "../base/ports.ts";
import type { NativeAddon } from "./native.ts";
import { systemError } from "./node-file.ts";

const fileMode = 0o600;
/** So often a file may go, one after the other, while its lock is being taken. */
const goneMax = 16;

/**
 * Takes the lock; null if another holds it. The file is made 0600 if missing.
 * @param mode - `existing`: it is not made, and opened to be read where it cannot be written.
 */
export function lockFile(
  path: string,
  native: NativeAddon | null,
  mode?: "existing",
): FileLock | null {
  for (let gone = 0; gone < goneMax; gone++) {
    const { fd, made } = mode === "existing" ? openExisting(path) : openOrMake(path);
    let held = false;
    try {
      const free = native === null ? lockByHelper(fd) : lockByAddon(fd, native);
      if (!free) return null;
      // Its holder may have taken it away meanwhile: then it locks nobody out.
      held = isAt(fd, path);
      if (held) return heldLock(path, fd, made);
    } finally {
      if (!held) closeSync(fd);
    }
  }
  return null;
}

function heldLock(path: string, fd: number, made: boolean): FileLock {
  let open = true;
  const release = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  return {
    made,
    release,
    remove() {
      // Under the lock, so that nobody relies on the file who could not see that it went.
      try {
        if (open && isAt(fd, path)) unlinkSync(path);
      } finally {
        release();
      }
    },
  };
}

/** True if the open file is the one that has this name. */
function isAt(fd: number, path: string): boolean {
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return named !== undefined && named.dev === dev && named.ino === ino;
}

function openOrMake(path: string): { fd: number; made: boolean } {
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return { fd: openSync(path, flags | constants.O_EXCL, fileMode), made: true };
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    return { fd: openSync(path, flags, fileMode), made: false };
  }
}

/** Writable where it can be: NFS gives an exclusive lock on nothing else. flock(2), NFS details. */
function openExisting(path: string): { fd: number; made: boolean } {
  try {
    return { fd: openSync(path, constants.O_RDWR), made: false };
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    return { fd: openSync(path, constants.O_RDONLY), made: false };
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
