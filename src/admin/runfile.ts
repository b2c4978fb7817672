/**
 * `<data>/run/`: how other commands find the node that holds a data directory. `node.json` tells
 * process and address; `admin.token` lets its reader in. Neither holds a secret of the data. After
 * a kill the files stay behind and are stale: whoever uses them must be ready for nobody, or
 * somebody else, at the address. A copy of the directory carries them too, so the file names the
 * directory it was written in.
 * @module
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Disk } from "../base/ports.ts";

export interface RunFile {
  readonly pid: number;
  readonly url: string;
  readonly nodeId: string;
  /** Specs of the KEKs it was started with (paths and names, no key), for `verify`. */
  readonly keks: readonly string[];
  /** Of the admin port if it speaks TLS, PEM: who finds the node here believes no other. */
  readonly certificate?: string;
}

const runFileVersion = 1;

/** Where the files stand. Made by whoever holds the directory's lock. */
export function runDirectory(dataDir: string): string {
  return join(dataDir, "run");
}

export function tokenFile(dataDir: string): string {
  return join(runDirectory(dataDir), "admin.token");
}

/** What a directory keeps when it is renamed and a copy of it has not. */
function identityOf(directory: string): string {
  const { dev, ino } = statSync(directory, { bigint: true });
  return `${dev}:${ino}`;
}

function nodeFile(dataDir: string): string {
  return join(runDirectory(dataDir), "node.json");
}

/** Tells others where the node is. Only the holder of the directory's lock may call it. */
export function writeRunFile(disk: Disk, dataDir: string, run: RunFile): void {
  const directory = identityOf(dataDir);
  const text = JSON.stringify({ version: runFileVersion, directory, ...run }, null, 2);
  disk.replaceFile(nodeFile(dataDir), Buffer.from(`${text}\n`));
}

/** Marks that nobody runs: the address goes, what `verify` needs stays. */
export function clearRunFile(disk: Disk, dataDir: string, run: RunFile): void {
  writeRunFile(disk, dataDir, { ...run, pid: 0, url: "" });
}

function isRunFile(value: unknown): value is RunFile & { directory: unknown } {
  if (typeof value !== "object" || value === null) return false;
  const { version, pid, url, nodeId, keks, certificate } = value as Record<string, unknown>;
  return (
    version === runFileVersion &&
    Number.isSafeInteger(pid) &&
    [url, nodeId].every((text) => typeof text === "string") &&
    (certificate === undefined || typeof certificate === "string") &&
    Array.isArray(keks) &&
    keks.every((spec) => typeof spec === "string")
  );
}

/** What the latest start wrote, without an address in a copy; null if nothing is legible. */
export function readRunFile(disk: Disk, dataDir: string): RunFile | null {
  try {
    const value: unknown = JSON.parse(disk.readFile(nodeFile(dataDir)).toString("utf8"));
    if (!isRunFile(value)) return null;
    const { pid, url, nodeId, keks, directory, certificate } = value;
    const here = directory === identityOf(dataDir);
    const shown = certificate === undefined ? {} : { certificate };
    return { pid: here ? pid : 0, url: here ? url : "", nodeId, keks, ...shown };
  } catch {
    return null;
  }
}
