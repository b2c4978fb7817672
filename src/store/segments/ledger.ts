/**
 * What the manifest says, and the one way to change it: each change is a new manifest, written
 * whole and durably before anything relies on it. Changes come one after the other.
 * @module
 */
import type { Disk } from "../../base/ports.ts";
import type { Primitives } from "../../platform/primitives.ts";
import type { SealedPlace } from "../../sealed/place.ts";
import type { Commit, StorageKeys } from "../store.ts";
import type { Books, Segment } from "./books.ts";
import { encodeManifestState, type ManifestSegment, type ManifestState } from "./manifest.ts";
import { hintPath, manifestPath, segmentPath } from "./names.ts";
import { errorOf, type RunExecutor } from "./runwriter.ts";

export interface LedgerInput {
  readonly directory: string;
  readonly place: SealedPlace;
  readonly primitives: Primitives;
  readonly keys: StorageKeys;
}

/** A clear segment that was begun before the storage cutover and is done after it. */
export class Overtaken extends Error {}

export class Ledger {
  nextNumber: number;
  clearBelow: number;
  readonly pending = new Set<number>();
  readonly retired = new Set<number>();
  /** Key that signed the manifest on disk, once it was written or settled in this life. */
  signedBy = -1;
  private generation: number;
  private readonly input: LedgerInput & { readonly disk: Disk };
  private readonly books: Books;
  private queue: Promise<unknown> = Promise.resolve();
  /** Those of the retired that a durable manifest calls so: no start needs their files. */
  private readonly doomed = new Set<number>();
  private removing: Promise<void> | null = null;

  constructor(input: Ledger["input"], books: Books, state: ManifestState) {
    this.input = input;
    this.books = books;
    this.generation = state.generation;
    this.nextNumber = state.nextNumber;
    this.clearBelow = state.clearBelow;
  }

  /** A segment number that no file ever had. */
  takeNumber(): number {
    return this.nextNumber++;
  }

  /** @throws Overtaken for a clear segment once none may join. */
  admit(segment: Segment): void {
    if (segment.header.keyId === 0 && this.clearBelow !== 0) throw new Overtaken();
  }

  /** The manifest as the books stand, for a commit that is durable. */
  encode(commit: Commit, commitMac: Buffer): Buffer {
    const { primitives, keys, place } = this.input;
    const { keyId, sealed } = keys.signing();
    if (sealed && this.clearBelow === 0) this.clearBelow = this.nextNumber;
    const all = [...this.books.segments.values()];
    const segments = all.filter((segment) => !segment.leaving).map(listing);
    segments.sort((one, other) => one.number - other.number);
    return encodeManifestState(primitives, keys, keyId, place, {
      generation: ++this.generation,
      nextNumber: this.nextNumber,
      clearBelow: this.clearBelow,
      commit,
      commitMac,
      pending: [...this.pending],
      retired: [...this.retired],
      segments,
    });
  }

  get path(): string {
    return manifestPath(this.input.directory);
  }

  /** Runs `change` when no other change is under way. */
  exclusive<T>(change: () => Promise<T>): Promise<T> {
    const result = this.queue.then(change);
    this.queue = result.catch(() => {});
    return result;
  }

  /**
   * Writes the manifest durably. Only inside `exclusive`.
   * Files that it retires are removed then.
   * @throws STORE_DISK_FULL, STORE_WRITE_FAILED: the old one or the new one is there, whole.
   */
  async write(executor: RunExecutor, commit: Commit, commitMac: Buffer): Promise<void> {
    const { keyId } = this.input.keys.signing();
    const retired = [...this.retired];
    const data = this.encode(commit, commitMac);
    const outcome = await executor.run({ type: "replace", path: this.path, data });
    if (!outcome.ok) throw errorOf(outcome);
    this.signedBy = keyId;
    for (const number of retired) this.doomed.add(number);
    void this.removeRetired(executor);
  }

  /**
   * Removes retired files while everything else goes on. A file that could not be removed stays
   * retired: the next start, or change, tries again. Never rejects.
   */
  removeRetired(executor: RunExecutor): Promise<void> {
    this.removing ??= this.removeAll(executor)
      .catch(() => {})
      .finally(() => {
        this.removing = null;
      });
    return this.removing;
  }

  /** No removal is under way any more. */
  async removed(): Promise<void> {
    await this.removing;
  }

  private async removeAll(executor: RunExecutor): Promise<void> {
    for (let numbers = this.removable(); numbers.length > 0; numbers = this.removable()) {
      const { directory, disk } = this.input;
      for (const number of numbers) {
        const path = segmentPath(directory, number);
        if (disk.status(path) !== null) await disk.unlinkInPieces(path);
      }
      // Of a hint that could not be written the half may be there.
      const hints = numbers.map((number) => hintPath(directory, number));
      const paths = hints.flatMap((path) => [path, `${path}.tmp`]);
      const outcome = await executor.run({ type: "remove", directory, paths });
      if (!outcome.ok) return;
      for (const number of numbers) {
        this.retired.delete(number);
        this.doomed.delete(number);
      }
    }
  }

  private removable(): number[] {
    const { doomed, retired, books } = this;
    return [...doomed].filter((number) => retired.has(number) && !books.segments.has(number));
  }
}

function listing(segment: Segment): ManifestSegment {
  const { number, keyId, chainMac } = segment.header;
  return {
    number,
    closed: segment.closed,
    keyId,
    length: segment.closed ? segment.length : 0,
    lastMac: segment.closed ? segment.lastMac : chainMac,
    headerMac: segment.headerMac,
  };
}
