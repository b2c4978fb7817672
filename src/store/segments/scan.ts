/**
 * Reads a segment from its first frame and follows its chain of commits: for the open segment after
 * a crash, for a closed one without a hint, before compaction, and to verify. It changes nothing.
 *
 * Only runs that end in a valid commit count. In the open segment the chain may stop early (a torn
 * tail); in a closed one it must reach the length and the MAC that the manifest tells.
 * @module
 */
import { equalBytes, letGo } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk, DiskFile } from "../../base/ports.ts";
import {
  type CommitFields,
  checkRecord,
  commitMacAt,
  commitMacBytes,
  kindCommit,
  kindPut,
  readCommit,
} from "../../entry/record.ts";
import { blockBytes, fileSeed, frameHeaderBytes } from "../../files/framing.ts";
import { FrameScanner } from "../../files/scanner.ts";
import type { MacKey } from "../../platform/primitives.ts";
import { RunDigest } from "./digest.ts";
import type { SegmentHeader } from "./header.ts";
import { HintEntries } from "./hint.ts";

export interface ScanTarget {
  readonly path: string;
  readonly number: number;
  readonly sealed: boolean;
  /** Bytes of a closed segment and MAC of its last commit; null for the open one. */
  readonly closed: { readonly length: number; readonly lastMac: Buffer } | null;
  /** Where the chain begins: what the header says. */
  readonly chainNumber: number;
  readonly chainMac: Buffer;
}

/** A segment whose header was read; `closed` as in ScanTarget. */
export function scanTarget(
  { number, keyId, chainNumber, chainMac }: SegmentHeader,
  path: string,
  closed: ScanTarget["closed"],
): ScanTarget {
  return { path, number, sealed: keyId !== 0, closed, chainNumber, chainMac };
}

export interface ScanResult {
  readonly entries: HintEntries;
  /** Commits found; the last one, null if there is none. */
  readonly commits: number;
  readonly last: CommitFields | null;
  readonly lastMac: Buffer;
  /** File offset of the run that the last commit ends, and behind it, both block-aligned. */
  readonly lastRun: number;
  readonly end: number;
}

export interface ScanVisitor {
  /** A put whose run is not yet known to be committed; its body may be opened in place. */
  put?(buffer: Buffer, bodyAt: number, length: number, offset: number): void;
  commit?(commit: CommitFields, mac: Buffer): void;
}

/** Read at once; a longer frame gets more. */
const windowBytesMax = 1024 * 1024;
/** Read between two pauses of a scan in steps. */
const pauseBytes = 256 * 1024;

class SegmentScan {
  readonly entries = new HintEntries();
  commits = 0;
  last: CommitFields | null = null;
  lastMac: Buffer;
  lastRun = blockBytes;
  end = blockBytes;
  private readonly digest = new RunDigest();
  private readonly target: ScanTarget;
  private readonly mac: MacKey;
  private readonly visitor: ScanVisitor;
  private mark = this.entries.mark();

  constructor(target: ScanTarget, mac: MacKey, visitor: ScanVisitor) {
    this.target = target;
    this.mac = mac;
    this.visitor = visitor;
    this.lastMac = target.chainMac;
  }

  /** Yields now and then, so that a scan may share its thread. */
  *run(file: DiskFile): Generator<number> {
    let pauseAt = pauseBytes;
    const end = this.target.closed?.length ?? file.size();
    const windowBytes = Math.min(windowBytesMax, Math.max(end, blockBytes));
    const scanner = new FrameScanner(file, {
      seed: fileSeed(this.target.number),
      end,
      windowBytes,
    });
    this.digest.begin(this.lastMac);
    while (scanner.next()) {
      const { buffer, bodyAt, bodyLength } = scanner;
      if (scanner.position >= pauseAt) {
        yield scanner.position - pauseAt + pauseBytes;
        pauseAt = scanner.position + pauseBytes;
      }
      const kind = checkRecord(buffer, bodyAt, bodyLength, this.target.sealed);
      if (kind !== kindCommit) {
        this.digest.add(buffer, bodyAt - frameHeaderBytes, bodyLength, this.target.sealed);
        this.entries.add(buffer, bodyAt, bodyLength, scanner.position);
        if (kind === kindPut) this.visitor.put?.(buffer, bodyAt, bodyLength, scanner.position);
      } else if (!this.commit(buffer, bodyAt)) {
        this.broken(scanner);
        break;
      } else {
        this.lastRun = this.end;
        this.end = scanner.end;
      }
    }
    this.entries.reset(this.mark);
    letGo(scanner.buffer);
    this.digest.dispose();
  }

  private commit(buffer: Buffer, at: number): boolean {
    const { frames: claimed, ...commit } = readCommit(buffer, at);
    const mac = Buffer.alloc(commitMacBytes);
    const { frames } = this.digest;
    this.digest.finish(this.mac, buffer, at, mac, 0);
    const before = this.last?.number ?? this.target.chainNumber;
    const found = buffer.subarray(at + commitMacAt, at + commitMacAt + commitMacBytes);
    if (claimed !== frames || commit.number !== before + 1 || !equalBytes(mac, found)) return false;
    this.commits++;
    this.last = commit;
    this.lastMac = mac;
    this.mark = this.entries.mark();
    this.digest.begin(mac);
    this.visitor.commit?.(commit, mac);
    return true;
  }

  /** A whole frame breaks the chain: left by a failed attempt, or damage to what was durable. */
  private broken(scanner: FrameScanner): void {
    const { position } = scanner;
    while (scanner.next())
      if (scanner.syncedThrough > position)
        throw new StrongroomError(
          "STORE_DAMAGED",
          `${this.target.path}: the chain of commits breaks at offset ${position}`,
        );
  }
}

/**
 * Scans in steps; what is yielded is the bytes read since the step before. The file stays open, so
 * that it may be unlinked meanwhile.
 * @throws STORE_DAMAGED, FILE_FRAME_DAMAGED, FORMAT_*, or Node's errors.
 */
export function* scanInSteps(
  disk: Disk,
  target: ScanTarget,
  mac: MacKey,
  visitor: ScanVisitor = {},
): Generator<number, ScanResult> {
  const file = disk.open(target.path, { mode: "read" });
  const scan = new SegmentScan(target, mac, visitor);
  try {
    yield* scan.run(file);
  } finally {
    file.close();
  }
  const { closed } = target;
  if (closed !== null && (scan.end !== closed.length || !equalBytes(scan.lastMac, closed.lastMac)))
    throw new StrongroomError(
      "STORE_DAMAGED",
      `${target.path}: intact up to offset ${scan.end} of ${closed.length}`,
    );
  const { entries, commits, last, lastMac, lastRun, end } = scan;
  return { entries, commits, last, lastMac, lastRun, end };
}

/** Scans at once. @throws as `scanInSteps`. */
export function scanSegment(
  disk: Disk,
  target: ScanTarget,
  mac: MacKey,
  visitor: ScanVisitor = {},
): ScanResult {
  return runSteps(scanInSteps(disk, target, mac, visitor));
}

/** Takes all steps at once. */
export function runSteps<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
