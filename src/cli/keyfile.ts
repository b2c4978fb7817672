/**
 * Makes key files. A key file is 32 random bytes (docs/formats, "KEK file"); losing it loses the
 * data. Two hazards: a new key in place of one that still opens something, and a key file beside
 * the data that it protects. So nothing is ever overwritten, and the default key is made only over
 * a data directory that holds nothing.
 * @module
 */
import { dirname, join, relative, resolve } from "node:path";
import { StrongroomError } from "../base/errors.ts";
import type { Disk, Random } from "../base/ports.ts";
import { foreignNames, holdsData } from "../node/folders.ts";
import { whereUsable } from "../platform/unusable.ts";
import type { Context } from "./context.ts";

const kekBytes = 32;

function failure(path: string, cause: unknown): StrongroomError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
  const why = code === "EEXIST" ? "a file is there already" : code;
  return new StrongroomError("KEYGEN_FAILED", `${path}: ${why}`, { cause });
}

/**
 * Writes a new key file (O_EXCL, mode 0600), durable when it returns.
 * @throws KEYGEN_FAILED if anything is at `path` or it cannot be written.
 */
export function makeKeyFile(disk: Disk, random: Random, path: string): void {
  const key = random.bytes(kekBytes);
  try {
    const file = disk.open(path, { mode: "create" });
    try {
      file.write(key, 0);
      file.sync();
    } finally {
      file.close();
    }
    disk.syncDirectory(dirname(resolve(path)));
  } catch (cause) {
    throw failure(path, cause);
  } finally {
    key.fill(0);
  }
}

/** True if `path` lies in `directory` or is it. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(resolve(directory), resolve(path));
  return way === "" || (!way.startsWith("..") && !way.startsWith("/"));
}

function isThere(disk: Disk, path: string): boolean {
  try {
    return disk.status(path) !== null;
  } catch (cause) {
    throw failure(path, cause);
  }
}

/** @throws what keeps a directory from being a new one, before a key is made for it. */
function judgeNew(disk: Disk, dataDir: string, path: string): void {
  if (holdsData(disk, dataDir)) throw new StrongroomError("KEK_COPY_MISSING", path);
  const foreign = foreignNames(disk, dataDir).length;
  if (foreign > 0) throw new StrongroomError("DATA_DIR_FOREIGN", `${foreign} unknown names`);
}

/** Where the key file is that nobody named; null: who starts it has no home directory. */
export function defaultKeyPath({ home }: Context): string | null {
  return home === "" ? null : join(home, ".strongroom", "kek");
}

export interface DefaultKey {
  readonly path: string;
  readonly made: boolean;
}

/**
 * The key file of a `serve --default-key-file` without `--kek`: `~/.strongroom/kek`. Made if there
 * is none and the data directory holds nothing yet.
 * @throws KEK_COPY_MISSING over data; CONFIG_INVALID if the key would stand in the data directory;
 *   DATA_DIR_FOREIGN, DATA_DIR_UNUSABLE, KEYGEN_FAILED.
 */
export function defaultKeyFile(context: Context, dataDir: string): DefaultKey {
  const { disk, random } = context;
  const path = defaultKeyPath(context);
  if (path === null)
    throw new StrongroomError("CONFIG_INVALID", "no home directory for a key file: give --kek");
  if (isInside(path, dataDir))
    throw new StrongroomError(
      "CONFIG_INVALID",
      `the key file ${path} would stand in the data directory`,
    );
  if (isThere(disk, path)) return { path, made: false };
  whereUsable(dataDir, () => judgeNew(disk, dataDir, path));
  try {
    disk.makeDirectory(dirname(path));
  } catch (cause) {
    throw failure(dirname(path), cause);
  }
  makeKeyFile(disk, random, path);
  return { path, made: true };
}
