/**
 * Names inside the data directory, and what they tell of it. Nothing of a user is in them.
 * @module
 */
import type { Disk } from "../base/ports.ts";

export const folders = {
  lock: "lock",
  log: "log",
  store: "store",
  run: "run",
} as const;

/** Everything that this program makes in a data directory. */
export const knownNames: readonly string[] = [
  "encryption",
  folders.lock,
  folders.log,
  folders.store,
  folders.run,
];

/** True if log, store or sidecar are there. What starts leave besides says nothing of data. */
export function holdsData(disk: Disk, dataDir: string): boolean {
  const filled = (name: string): boolean => disk.list(`${dataDir}/${name}`).length > 0;
  const sidecar = `${dataDir}/encryption/keys.json`;
  return filled(folders.log) || filled(folders.store) || disk.status(sidecar) !== null;
}

/** At the root of a volume: where fsck(8) puts what it finds without a name. */
const ofVolumes = "lost+found";

/** Names in the directory that neither this program nor a file system knows. */
export function foreignNames(disk: Disk, dataDir: string): string[] {
  return disk.list(dataDir).filter((name) => !knownNames.includes(name) && name !== ofVolumes);
}
