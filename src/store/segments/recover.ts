/**
 * Finds the state that was durable when the last process ended. It only reads: what a crash left
 * behind is listed for the time when the node has decided to start.
 *
 * Only the open segment may end early. Anything else that is missing, changed, foreign or not
 * explained by the manifest is refused with a coded error.
 * @module
 */
import { equalBytes, letGo } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { blockBytes } from "../../files/framing.ts";
import { type Commit, emptyCommit } from "../store.ts";
import { Books, type LoadedSegment, type Segment } from "./books.ts";
import { macBytes } from "./header.ts";
import { collected, type HintEntries, hintEntryBytes } from "./hint.ts";
import { readHint, readSegmentHeader, type StoreSource } from "./inspect.ts";
import { withSegmentMac } from "./keys.ts";
import { type ManifestSegment, type ManifestState, readState } from "./manifest.ts";
import { hintPath, manifestName, parseName, segmentPath } from "./names.ts";
import { type ScanResult, scanSegment, scanTarget } from "./scan.ts";

export interface RecoveryInput extends StoreSource {
  /** Clear data is refused: the storage envelope has been on since before the first record. */
  readonly requireSealed: boolean;
  /** The storage envelope was switched on: a manifest that says so is there. */
  readonly requireCutover?: boolean;
}

export interface Tail {
  readonly segment: Segment;
  /** What its hint must hold. */
  readonly entries: HintEntries;
  /** File offset of its last run: the only one that may not be durable. */
  readonly lastRun: number;
}

export interface Recovered {
  readonly books: Books;
  readonly manifest: ManifestState;
  /** Key that signed the manifest; 0 for none. */
  readonly manifestKeyId: number;
  readonly fresh: boolean;
  readonly durable: Commit;
  readonly durableMac: Buffer;
  /** The segment that was open; null if there is none. */
  readonly tail: Tail | null;
  /** Files that a crash left and that nothing refers to. */
  readonly leftovers: readonly string[];
  /** Closed segments that were read because their hint was missing or damaged. */
  readonly withoutHint: ReadonlyMap<Segment, HintEntries>;
}

/** Memory is reserved for at most so many keys before any hint has proved itself. */
const reservedKeysMax = 8_000_000;
/** Hints of so many bytes are taken into the index together. */
const togetherBytes = 32 << 20;

const emptyState: ManifestState = {
  generation: 0,
  nextNumber: 1,
  clearBelow: 0,
  commit: emptyCommit,
  commitMac: Buffer.alloc(macBytes),
  pending: [],
  retired: [],
  segments: [],
};

/** @throws STORE_*, FILE_*, FORMAT_*, CRYPTO_KEY_UNKNOWN; nothing was changed. */
export function recover(input: RecoveryInput): Recovered {
  const { primitives, keys, disk, directory, place } = input;
  const read = readState(primitives, keys, disk, directory, place);
  const manifest = read?.state ?? emptyState;
  const manifestKeyId = read?.keyId ?? 0;
  const signed = input.requireSealed || input.requireCutover === true;
  if (signed && read !== null && manifestKeyId === 0)
    throw new StrongroomError("STORE_CLEAR_REFUSED", `${directory}/${manifestName} has no MAC`);
  if (input.requireCutover === true) needCutover(directory, read === null ? null : manifest);
  const leftovers = checkFiles(input, manifest, read === null);
  return new Recovery(input, manifest).finish(manifestKeyId, read === null, leftovers);
}

/** From the cutover on the manifest lists the clear segments that there are, under its MAC. */
function needCutover(directory: string, manifest: ManifestState | null): void {
  const path = `${directory}/${manifestName}`;
  if (manifest === null) throw new StrongroomError("STORE_MANIFEST_MISSING", path);
  if (manifest.clearBelow === 0)
    throw new StrongroomError("STORE_CLEAR_REFUSED", `${path} is older than the storage cutover`);
}

/** @returns Paths of leftovers. @throws STORE_FILE_UNKNOWN, STORE_FILE_MISSING, … */
function checkFiles(input: RecoveryInput, manifest: ManifestState, fresh: boolean): string[] {
  const { disk, directory } = input;
  const listed = new Set(manifest.segments.map((segment) => segment.number));
  const leaving = new Set([...manifest.pending, ...manifest.retired]);
  const leftovers: string[] = [];
  for (const name of disk.list(directory)) {
    const path = `${directory}/${name}`;
    const file = parseName(name);
    if (file.kind === "manifest") continue;
    if (file.kind === "temporary") {
      leftovers.push(path);
      continue;
    }
    const explained =
      file.kind !== "unknown" && (listed.has(file.number) || leaving.has(file.number));
    if (!explained && !isUnborn(disk, path, file, manifest.nextNumber))
      throw new StrongroomError(fresh ? "STORE_MANIFEST_MISSING" : "STORE_FILE_UNKNOWN", path);
    if (file.kind === "unknown" || !listed.has(file.number)) leftovers.push(path);
  }
  return leftovers;
}

/** A segment begun just before a crash: a number never given away, and no frame. */
function isUnborn(
  disk: Disk,
  path: string,
  file: ReturnType<typeof parseName>,
  nextNumber: number,
): boolean {
  if (file.kind !== "segment" || file.number < nextNumber) return false;
  return (disk.status(path)?.bytes ?? 0) <= blockBytes;
}

class Recovery {
  private readonly input: RecoveryInput;
  private readonly manifest: ManifestState;
  private readonly books = new Books(true);
  private readonly withoutHint = new Map<Segment, HintEntries>();
  /** Read, and not in the index yet. */
  private readonly waiting: LoadedSegment[] = [];
  private waitingBytes = 0;
  private durable: Commit;
  private durableMac: Buffer;
  private tail: Tail | null = null;

  constructor(input: RecoveryInput, manifest: ManifestState) {
    this.input = input;
    this.manifest = manifest;
    this.durable = manifest.commit;
    this.durableMac = manifest.commitMac;
  }

  finish(manifestKeyId: number, fresh: boolean, leftovers: string[]): Recovered {
    this.books.index.shards.reserve(this.hintedRecords());
    for (const listed of this.manifest.segments) this.segment(listed);
    this.load();
    this.books.finishLoading();
    const { books, manifest, durable, durableMac, tail, withoutHint } = this;
    return {
      books,
      manifest,
      manifestKeyId,
      fresh,
      durable,
      durableMac,
      tail,
      leftovers,
      withoutHint,
    };
  }

  /** About how many records the hints hold, by their sizes. */
  private hintedRecords(): number {
    const { disk, directory } = this.input;
    let bytes = 0;
    for (const { number } of this.manifest.segments)
      bytes += disk.status(hintPath(directory, number))?.bytes ?? 0;
    return Math.min(bytes / hintEntryBytes, reservedKeysMax);
  }

  private segment(listed: ManifestSegment): void {
    const { disk, directory } = this.input;
    const path = segmentPath(directory, listed.number);
    const status = disk.status(path);
    if (status === null) throw new StrongroomError("STORE_FILE_MISSING", path);
    if (status.kind !== "file") throw new StrongroomError("STORE_FILE_UNKNOWN", path);
    if (listed.closed && status.bytes !== listed.length)
      throw new StrongroomError(
        "STORE_DAMAGED",
        `${path}: ${status.bytes} of ${listed.length} bytes`,
      );
    const segment = this.header(listed, path);
    if (listed.closed) this.closed(segment);
    else this.open(segment);
  }

  private header(listed: ManifestSegment, path: string): Segment {
    const read = readSegmentHeader(this.input, listed.number, path);
    const { keyId, number } = read.header;
    if (keyId !== listed.keyId || !equalBytes(read.mac, listed.headerMac))
      throw new StrongroomError(
        "STORE_FOREIGN",
        `${path}: not the segment that the manifest lists`,
      );
    const { clearBelow } = this.manifest;
    const refused = this.input.requireSealed || (clearBelow !== 0 && number >= clearBelow);
    if (keyId === 0 && refused) throw new StrongroomError("STORE_CLEAR_REFUSED", path);
    return {
      header: read.header,
      headerMac: read.mac,
      path,
      closed: true,
      length: listed.length,
      lastMac: listed.lastMac,
      records: 0,
      recordBytes: 0,
      deadBytes: 0,
      damage: null,
      leaving: false,
    };
  }

  private closed(segment: Segment): void {
    let hint = readHint(this.input, segment);
    if (hint === null) {
      const { length, lastMac } = segment;
      const { entries } = this.scan(segment, { length, lastMac });
      this.withoutHint.set(segment, entries);
      hint = collected(entries);
    }
    this.books.segments.set(segment.header.number, segment);
    this.waiting.push({ segment, hint });
    this.waitingBytes += hint.entries.length;
    if (this.waitingBytes >= togetherBytes) this.load();
  }

  /** Takes what was read into the index. */
  private load(): void {
    const taken = this.waiting.splice(0);
    this.books.load(taken);
    // What was collected by reading a segment becomes its hint.
    for (const { segment, hint } of taken) if (!this.withoutHint.has(segment)) letGo(hint.entries);
    this.waitingBytes = 0;
  }

  private scan(
    segment: Segment,
    closed: { length: number; lastMac: Buffer } | null,
    seen: (commit: Commit, mac: Buffer) => void = () => {},
  ): ScanResult {
    const { disk, primitives, keys } = this.input;
    const target = scanTarget(segment.header, segment.path, closed);
    return withSegmentMac(primitives, keys, segment.header, (mac) =>
      scanSegment(disk, target, mac, { commit: seen }),
    );
  }

  /** The open segment: its chain must reach at least the commit that the manifest knows. */
  private open(segment: Segment): void {
    const { commit, commitMac } = this.manifest;
    const { chainNumber, chainMac } = segment.header;
    let met = chainNumber === commit.number && equalBytes(chainMac, commitMac);
    const found = this.scan(segment, null, (seen, mac) => {
      if (seen.number === commit.number && equalBytes(mac, commitMac)) met = true;
    });
    if (!met)
      throw new StrongroomError(
        "STORE_DAMAGED",
        `${segment.path}: commit ${commit.number} was durable and is not there`,
      );
    segment.length = found.end;
    segment.lastMac = found.lastMac;
    if (found.last !== null) {
      this.durable = found.last;
      this.durableMac = found.lastMac;
    }
    this.books.segments.set(segment.header.number, segment);
    this.books.load([{ segment, hint: collected(found.entries) }]);
    this.tail = { segment, entries: found.entries, lastRun: found.lastRun };
  }
}
