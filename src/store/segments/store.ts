/**
 * The segment store: books, reader, flusher and compactor behind the Store interface. Opening reads
 * and refuses but changes nothing on disk; `settle` (or the first flush) puts things in order.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk, Random, Scheduler } from "../../base/ports.ts";
import { envelopesMax } from "../../crypto/envelope.ts";
import { physicalBytes } from "../../entry/record.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { type SealedPlace, storagePrefix } from "../../sealed/place.ts";
import type {
  Commit,
  CommitMeta,
  ControlRecord,
  OpenedRecord,
  RunBuilder,
  StorageKeys,
  Store,
  StoreStats,
  VisitRoot,
} from "../store.ts";
import type { Books, Segment } from "./books.ts";
import { Compactor, type CompactorOptions } from "./compactor.ts";
import { Flusher } from "./flusher.ts";
import { Ledger } from "./ledger.ts";
import { listStoreFiles, type StoreFile } from "./listing.ts";
import { SegmentReader } from "./reader.ts";
import { type Recovered, recover } from "./recover.ts";
import { SegmentRun } from "./run.ts";
import { Runs } from "./runs.ts";
import { InlineExecutor, type RunExecutor } from "./runwriter.ts";
import { settle } from "./settle.ts";
import { statsOf } from "./stats.ts";
import type { RunStream } from "./stream.ts";
import { type VerifyVisitor, verifySegment } from "./verifying.ts";
import { randomRoot, Sweep, scanRoots } from "./walk.ts";
import { Warmer } from "./warming.ts";

export interface SegmentStoreOptions {
  readonly disk: Disk;
  /** Made if missing. The caller holds the lock of the node's directory. */
  readonly directory: string;
  readonly place: SealedPlace;
  readonly primitives: Primitives;
  readonly keys: StorageKeys;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Runs the flusher's jobs; default: on this thread. Closed with the store. */
  readonly executor?: RunExecutor;
  /** Runs the compactor's; default: on this thread. Closed with the store. */
  readonly compactExecutor?: RunExecutor;
  /** A segment is closed before it would grow beyond this; a larger run gets its own. */
  readonly segmentBytes?: number;
  /** Records sealed under one subkey at most, in vain too. Less than the default only in tests. */
  readonly sealsMax?: number;
  /** Compress puts that are marked so. */
  readonly compress?: boolean;
  /** Refuse clear segments and a manifest without a MAC. */
  readonly requireSealed?: boolean;
  /** Refuse a manifest from before `cutover`. */
  readonly requireCutover?: boolean;
  /** Memory of the machine or its bound; without it nothing is read back for want of it. */
  readonly memoryBytes?: number;
  /** First size of a run's memory. */
  readonly runBytes?: number;
  readonly compactor?: Partial<CompactorOptions>;
}

export const segmentBytesDefault = 64 * 1024 * 1024;
const runBytesDefault = 1024 * 1024;
const sweepSlots = 4096;

/**
 * Opens the store of a directory. Nothing on disk is changed before `settle` or the first flush.
 * @throws STORE_*, FILE_*, FORMAT_*, CRYPTO_KEY_UNKNOWN for what cannot be trusted.
 */
export function openSegmentStore(options: SegmentStoreOptions): SegmentStore {
  const { disk, directory, place, primitives, keys, requireSealed = false } = options;
  const { requireCutover = false } = options;
  const required = { requireSealed, requireCutover };
  const recovered = recover({ disk, directory, place, primitives, keys, ...required });
  return new SegmentStore(options, recovered);
}

export class SegmentStore implements Store {
  readonly capabilities = { durableControl: true };
  readonly compactor: Compactor;
  readonly warmer: Warmer;
  private readonly options: SegmentStoreOptions;
  private readonly books: Books;
  private readonly ledger: Ledger;
  private readonly flusher: Flusher;
  readonly reader: SegmentReader;
  private readonly executor: RunExecutor;
  private readonly compactExecutor: RunExecutor;
  private readonly expiry: Sweep;
  private readonly runs: Runs;
  /** Of the runs that are written while they are collected. */
  private readonly streams = new Map<SegmentRun, RunStream>();
  private recovered: Recovered | null;
  private queue: Promise<unknown> = Promise.resolve();
  private sweeping: Promise<void> | null = null;
  private closing: Promise<void> | null = null;

  constructor(options: SegmentStoreOptions, recovered: Recovered) {
    const { disk, primitives, keys, place, scheduler, random, directory } = options;
    this.options = options;
    this.recovered = recovered;
    this.runs = new Runs(disk, options.runBytes ?? runBytesDefault);
    this.books = recovered.books;
    this.executor = options.executor ?? new InlineExecutor(disk, primitives);
    this.compactExecutor = options.compactExecutor ?? new InlineExecutor(disk, primitives);
    const flushed = (): number => this.flusher.flushedBytes;
    this.warmer = new Warmer(this.compactExecutor, this.books, flushed, options.memoryBytes);
    this.reader = new SegmentReader(disk, primitives, keys, storagePrefix(place), this.warmer);
    this.expiry = new Sweep(this.books.index);
    const input = { directory, place, primitives, keys, scheduler, random };
    this.ledger = new Ledger({ ...input, disk }, this.books, recovered.manifest);
    const durable = { commit: recovered.durable, mac: recovered.durableMac };
    this.flusher = new Flusher(
      {
        ...input,
        executor: this.executor,
        segmentBytes: options.segmentBytes ?? segmentBytesDefault,
        sealsMax: options.sealsMax ?? envelopesMax,
        compress: options.compress ?? false,
        warmer: this.warmer,
      },
      this.books,
      this.ledger,
      durable,
    );
    this.compactor = new Compactor(
      { ...input, executor: this.compactExecutor, options: options.compactor ?? {} },
      {
        books: this.books,
        ledger: this.ledger,
        flusher: this.flusher,
        reader: this.reader,
        warmer: this.warmer,
      },
      () => this.rotate(),
    );
  }

  get durable(): Commit {
    return this.flusher.durable;
  }

  get(physical: Uint8Array, at: number): OpenedRecord | null {
    const { index } = this.books;
    if (!index.find(physical, at) || !index.readable) return null;
    const segment = this.books.segment(index.segment);
    return this.reader.read(segment, index.offset, index.length, physical, at);
  }

  foresee(physicals: Uint8Array, count: number): void {
    const { index } = this.books;
    index.touchMany(physicals, 0, physicalBytes, count);
    this.reader.beginAhead();
    for (let n = 0; n < count; n++) {
      if (!index.find(physicals, n * physicalBytes) || !index.readable) continue;
      const segment = this.books.segment(index.segment);
      this.reader.expect(segment, index.offset, index.length);
    }
    this.reader.readAhead();
  }

  has(physical: Uint8Array, at: number): boolean {
    return this.books.index.find(physical, at) && this.books.index.readable;
  }

  onDisk(physical: Uint8Array, at: number): boolean {
    return this.books.index.find(physical, at) && this.books.index.placed;
  }

  count(keyspace: number): number {
    return this.books.index.tally.live(keyspace);
  }

  expiring(keyspace: number): number {
    return this.books.index.tally.expiring(keyspace);
  }

  expires(physical: Uint8Array, at: number): boolean {
    return this.books.index.find(physical, at) && this.books.index.expiry !== 0;
  }

  expiryOf(physical: Uint8Array, at: number): number {
    const { index } = this.books;
    return index.find(physical, at) && index.readable ? index.expiry : -1;
  }

  recordsOf(keyspace: number): number {
    return this.books.index.tally.records(keyspace);
  }

  markPending(physical: Uint8Array, at: number, keyspace: number, exists: boolean): void {
    this.books.index.mark(physical, at, keyspace, exists);
  }

  scan(keyspace: number, cursor: bigint, count: number, visit: VisitRoot): bigint {
    if (this.books.index.tally.dropped.has(keyspace)) return 0n;
    return scanRoots(this.books.index, keyspace, cursor, count, visit);
  }

  random(keyspace: number, draw: number): Buffer | null {
    return randomRoot(this.books.index, keyspace, draw);
  }

  expired(nowMs: number, slotsMax: number, visit: VisitRoot): void {
    this.expiry.expired(nowMs, slotsMax, visit);
  }

  dropKeyspace(keyspace: number): void {
    this.books.dropKeyspace(keyspace);
    this.sweeping ??= this.sweepDropped();
  }

  private async sweepDropped(): Promise<void> {
    do await this.options.scheduler.yieldNow();
    while (this.closing === null && !this.books.sweepDropped(sweepSlots));
    this.sweeping = null;
  }

  newRun(bytes = 0): RunBuilder {
    return this.runs.take(bytes);
  }

  discard(run: RunBuilder): void {
    assert(run instanceof SegmentRun && !run.busy, "a run that is being flushed");
    void this.discardNow(run);
  }

  private async discardNow(run: SegmentRun): Promise<void> {
    const stream = this.streams.get(run);
    run.busy = true;
    // The writer may still be at work in its memory.
    if (stream !== undefined) await this.flusher.drop(run, stream);
    run.buffer.fill(0, 0, run.bytes);
    this.endStream(run);
    this.runs.give(run);
  }

  private endStream(run: SegmentRun): void {
    this.streams.get(run)?.letGo();
    this.streams.delete(run);
    run.streamed = false;
  }

  advance(run: RunBuilder): void {
    assert(run instanceof SegmentRun && !run.busy, "a run of another store, or one in flight");
    const idle = this.closing !== null || this.recovered !== null;
    if (idle || this.flusher.failure !== null) return;
    let stream = this.streams.get(run);
    if (stream === undefined) {
      // It has the turn until it is flushed or given up.
      stream = this.flusher.stream(run, this.queue);
      this.queue = this.queue.then(() => stream?.ended);
      this.streams.set(run, stream);
      run.streamed = true;
    }
    stream.advance();
  }

  /** Puts what a crash left in order: the first change on disk of this life. */
  settle(): Promise<void> {
    return this.ledger.exclusive(async () => {
      const { recovered } = this;
      if (recovered === null) return;
      settle(this.options.disk, this.options, this.ledger, recovered);
      this.recovered = null;
    });
  }

  flush(run: RunBuilder, commit: CommitMeta): Promise<void> {
    assert(run instanceof SegmentRun && !run.busy, "a run of another store, or one in flight");
    if (this.closing !== null) return Promise.reject(new StrongroomError("STORE_CLOSED"));
    run.busy = true;
    const stream = this.streams.get(run);
    const turn = stream?.turn ?? this.queue;
    const result = turn.then(() => this.flushNow(run, commit, stream ?? null));
    if (stream === undefined) this.queue = result.catch(() => {});
    return result;
  }

  private async flushNow(run: SegmentRun, commit: CommitMeta, stream: RunStream | null) {
    try {
      if (this.recovered !== null) await this.settle();
      await this.flusher.flush(run, commit, stream);
    } finally {
      run.busy = false;
      this.endStream(run);
    }
    this.runs.give(run);
    this.compactor.wake();
  }

  /** The next run begins a new segment, under the key that is active then. */
  async rotate(): Promise<void> {
    const result = this.queue.then(async () => {
      if (this.recovered !== null) await this.settle();
      await this.flusher.rotate();
    });
    this.queue = result.catch(() => {});
    return result;
  }

  /**
   * The storage envelope is on: the manifest lists the clear segments that there are, and none may
   * join. Durable on return, before the sidecar says so.
   */
  cutover(): Promise<void> {
    const result = this.queue.then(async () => {
      if (this.recovered !== null) await this.settle();
      await this.flusher.cutover();
    });
    this.queue = result.catch(() => {});
    return result;
  }

  /** Files that went are removed in the background: none is being removed when this resolves. */
  removed(): Promise<void> {
    return this.ledger.removed();
  }

  controls(): Iterable<ControlRecord> {
    return this.books.controls.live();
  }

  /** What lies in the directory, by its own bytes; what is being written, by the books. */
  async files(): Promise<StoreFile[]> {
    const { disk, directory, scheduler } = this.options;
    const known = (number: number) => this.books.segments.get(number)?.header.keyId ?? null;
    return (await listStoreFiles(disk, directory, scheduler)).map((file) =>
      file.keyId === null ? { ...file, keyId: known(file.number) } : file,
    );
  }

  /** Numbers of files that this process is making: sealed under the key that is active. */
  isNew(number: number): boolean {
    return this.ledger.pending.has(number) || number === this.ledger.nextNumber - 1;
  }

  /** Key of the segment that runs go to now; null if there is none. */
  get openKeyId(): number | null {
    const number = this.flusher.openNumber;
    return number === 0 ? null : this.books.segment(number).header.keyId;
  }

  /** Closed segments, oldest first. One that is compacted meanwhile leaves the list. */
  closedSegments(): Segment[] {
    const all = [...this.books.segments.values()];
    return all
      .filter(({ closed, leaving }) => closed && !leaving)
      .sort((one, other) => one.header.number - other.header.number);
  }

  /** As `verifySegment` in verifying.ts. */
  verify(segment: Segment, visitor: VerifyVisitor): Generator<number, unknown> {
    const { header, path, length, lastMac } = segment;
    return verifySegment(this.options, header, path, { length, lastMac }, visitor);
  }

  /** Records sealed by flushes and opened by reads, and reads that failed, by code. */
  get figures(): { sealed: number; opened: number; failures: ReadonlyMap<string, number> } {
    return { sealed: this.flusher.sealed, ...this.reader.figures };
  }

  stats(): StoreStats {
    return statsOf(this.books, this.flusher, this.compactor);
  }

  /** Everything flushed is closed in the manifest. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  private async closeNow(): Promise<void> {
    await this.queue;
    await this.compactor.stop();
    try {
      if (this.recovered === null && this.flusher.failure === null) await this.flusher.rotate();
    } finally {
      await this.sweeping;
      await this.ledger.removed();
      await this.warmer.stop();
      await this.executor.close();
      await this.compactExecutor.close();
      this.reader.close();
    }
  }
}
