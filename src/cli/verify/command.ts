/**
 * `verify`: opens everything of a data directory, and searches its files for plaintext. It changes
 * nothing, except that it holds the directory's lock while it reads. If a node holds it, that node
 * opens everything.
 * @module
 */
import { readRunFile } from "../../admin/runfile.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { unusable } from "../../platform/unusable.ts";
import type { Context } from "../context.ts";
import { defaultKeyPath } from "../keyfile.ts";
import { patternsOf, type ScanResult, scanDirectory } from "../scan.ts";
import type { Settings } from "../settings/resolve.ts";
import { renderTable } from "../table.ts";
import type { VerifyResult } from "./findings.ts";
import { verifyOnline } from "./online.ts";

export interface VerifyParts {
  /** Opens every record and log entry. The caller holds the lock. */
  verifyDirectory(dataDir: string, keks: readonly string[]): Promise<VerifyResult>;
  /** The lock of a data directory; null while a node holds it. */
  lockDirectory(dataDir: string): { release(): void } | null;
}

export interface VerifyRequest {
  readonly settings: Settings;
  readonly texts: readonly string[];
  readonly json: boolean;
}

/** The KEKs that were named, else those of the latest start, else the default key file. */
export function keksOf(
  context: Context,
  given: readonly string[],
  dataDir: string,
): readonly string[] {
  if (given.length > 0) return given;
  const latest = readRunFile(context.disk, dataDir)?.keks ?? [];
  if (latest.length > 0) return latest;
  const standard = defaultKeyPath(context);
  return standard !== null && isThere(context.disk, standard) ? [`file:${standard}`] : [];
}

/** False, too, for a place where we may not look. */
function isThere(disk: Disk, path: string): boolean {
  try {
    return disk.status(path) !== null;
  } catch {
    return false;
  }
}

async function opened(
  context: Context,
  parts: VerifyParts,
  settings: Settings,
  texts: readonly string[],
): Promise<VerifyResult | null> {
  const dataDir = settings["data-dir"];
  const lock = parts.lockDirectory(dataDir);
  if (lock === null) {
    return texts.length === 0 ? await verifyOnline(context, dataDir) : null;
  }
  try {
    return await parts.verifyDirectory(dataDir, keksOf(context, settings.kek, dataDir));
  } finally {
    lock.release();
  }
}

function tellScan(context: Context, scan: ScanResult): void {
  for (const { text, form, path, offset } of scan.findings)
    context.out(
      `FOUND text ${text} (${form}) in ${path} ${offset < 0 ? "(name)" : `at ${offset}`}`,
    );
  context.out(`searched ${scan.files} files: found ${scan.findings.length}`);
}

function tellOpened(context: Context, result: VerifyResult | null): void {
  if (result === null) {
    context.out("a node holds the directory: its records were not opened");
    return;
  }
  const counts = Object.entries(result.counts).map(([what, count]) => [what, count] as const);
  for (const line of renderTable(counts)) context.out(line);
  for (const { path, offset, problem } of result.damage)
    context.out(`DAMAGE ${path}${offset < 0 ? "" : ` at ${offset}`}: ${problem}`);
  context.out(`damage: ${result.damage.length}`);
}

/**
 * Verifies a directory and prints what it found.
 * @returns the exit status, 0 only if nothing is wrong.
 * @throws VERIFY_RUNNING, DATA_DIR_UNUSABLE, or what keeps the directory from being opened at all.
 */
export async function verify(
  context: Context,
  parts: VerifyParts,
  request: VerifyRequest,
): Promise<number> {
  const dataDir = request.settings["data-dir"];
  try {
    if (context.disk.status(dataDir) === null)
      throw new StrongroomError("CONFIG_UNREADABLE", `${dataDir} does not exist`);
    return await verifyExisting(context, parts, request);
  } catch (error) {
    throw unusable(error, dataDir);
  }
}

async function verifyExisting(
  context: Context,
  parts: VerifyParts,
  { settings, texts, json }: VerifyRequest,
): Promise<number> {
  const dataDir = settings["data-dir"];
  const patterns = patternsOf(texts);
  const scan = texts.length === 0 ? null : scanDirectory(context.disk, dataDir, patterns);
  if (!json && scan !== null) tellScan(context, scan);
  const result = await opened(context, parts, settings, texts);
  if (json) context.out(JSON.stringify({ ...result, scan }, null, 2));
  else tellOpened(context, result);
  const damaged = (result?.damage.length ?? 0) > 0;
  const found = (scan?.findings.length ?? 0) > 0;
  if (damaged) context.err(new StrongroomError("VERIFY_DAMAGED").explain());
  if (found) context.err(new StrongroomError("VERIFY_PLAINTEXT").explain());
  return damaged || found ? 1 : 0;
}
