/**
 * Names inside the data directory. Nothing of a user is in them.
 * @module
 */

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
