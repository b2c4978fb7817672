/**
 * The file of a unix socket. It is made beside its place and moved there when it is ready: nobody
 * meets it with other permissions, it replaces what a dead process left in one step, and Node,
 * which removes the file it listened on when it closes its handle, does not find it.
 * @module
 */
import { chmodSync, lstatSync, renameSync, rmSync, type Stats } from "node:fs";
import { StrongroomError } from "../base/errors.ts";

/** Null also for what may not be looked at: to listen there tells why. */
function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

function tryToRemove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The directory does not let us: a start removes it, or says why not.
  }
}

export class UnixPath {
  readonly path: string;
  /** Where it is made. No longer than `path`: a unix socket's name has 107 bytes at most. */
  readonly made: string;
  private inode = 0;

  constructor(path: string) {
    this.path = path;
    this.made = `${path.slice(0, -1)}${path.endsWith("~") ? "_" : "~"}`;
  }

  /**
   * Before listening on `made`.
   * @throws StrongroomError SERVER_LISTEN_FAILED if something else than a socket is in the place.
   */
  clear(): void {
    for (const path of [this.path, this.made]) {
      const found = statOf(path);
      if (found !== null && !found.isSocket())
        throw new StrongroomError("SERVER_LISTEN_FAILED", `${path} is there and is no socket`);
    }
    tryToRemove(this.made);
  }

  /**
   * Moves what listens on `made` to its place, private to its owner.
   * @throws StrongroomError SERVER_LISTEN_FAILED.
   */
  settle(): void {
    try {
      chmodSync(this.made, 0o600);
      this.inode = statOf(this.made)?.ino ?? 0;
      renameSync(this.made, this.path);
    } catch (error) {
      throw new StrongroomError("SERVER_LISTEN_FAILED", (error as Error).message, { cause: error });
    }
  }

  /** Removes the file, unless another process has put its own there. */
  remove(): void {
    const found = statOf(this.path);
    if (found?.isSocket() && found.ino === this.inode) tryToRemove(this.path);
  }
}
