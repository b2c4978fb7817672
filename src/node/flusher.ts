/**
 * Moves what changed into the store. A run holds exactly the state at one applied index: the dirty
 * set is frozen between two entries, and a frozen record is encoded before anything changes it
 * again. A record stays resident until its run is durable and in the index. Encoding and settling
 * happen in slices, so that clients wait no longer than a slice.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Clock, Scheduler } from "../base/ports.ts";
import type { PhysicalKeys } from "../crypto/prf.ts";
import type { Databases } from "../keyspace/databases.ts";
import type { FreezeWatcher } from "../keyspace/ports.ts";
import type { CommitMeta, RunBuilder, Store } from "../store/store.ts";
import { Encoder } from "./encoder.ts";

const none = new Int32Array(0);
/** Records settled between two looks at the event loop. */
const settledRecords = 4096;
/** Pause after a full disk before a run is encoded again. */
const fullPauseMs = 200;
/** Share of an ordinary run that is worth a message to the thread that writes it. */
const partShare = 1 / 8;
/** Control records and the commit of a run. */
const runSpareBytes = 1 << 20;
/** While this share of the changes overwrites what waits already, a flush may wait longer. */
const repeatShareMin = 1 / 20;
/** Share of the cache that may wait for the store before connections stop reading. */
const unflushedShareMax = 1 / 4;
/** The same while changes overwrite each other: few of them take more memory. */
const repeatedShareMax = 5 / 8;
/** Share of the cache at which a flush begins, at most, and one of changes that repeat. */
const flushShareMax = 1 / 8;
const grownShareMax = 1 / 2;
/** Share of the cache for what is resident, which gives back nothing it has taken. */
const residentShare = 11 / 16;
/** Above this share of its bound the resident set counts as full. */
export const fullShare = 0.9;
/** What a full one leaves for a run; the rest is for tables of the store. */
const runShare = 1 / 8;
/** Writers wait before a run takes more than this, if the set does not leave more. */
const waitShareMin = 3 / 16;
/**
 * However large the cache: what waits for the store fits, with the largest entries that may be
 * under way, into one run, whose bytes are counted by 31 bits.
 */
const pinnedMax = 256 << 20;
/** How much longer: in bytes changed, and in time. */
const patienceBytes = 24;
const patienceTime = 2;

/** As much as may wait, with its overhead: pages that no run reaches take no memory. */
export function runBytesFor(cacheBytes: number): number {
  return Math.ceil(Math.min(cacheBytes * repeatedShareMax, pinnedMax) * 1.25) + (4 << 20);
}

export interface FlushLimits {
  /** Dirty bytes at which a flush starts, or an eighth of the cache if that is less. */
  readonly flushBytes: number;
  /** Milliseconds after which anything dirty is flushed. */
  readonly flushIntervalMs: number;
  /** In place of `pinnedMax`. */
  readonly pinnedBytes?: number;
}

export interface FlusherDeps {
  readonly databases: Databases;
  readonly store: Store;
  readonly keys: PhysicalKeys;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly limits: FlushLimits;
  /** Bound of the resident set and of what the store holds beside it; may change. */
  readonly cacheBytes: () => number;
  /** False inside an entry, and for good once one could not be applied: no commit may say so. */
  readonly whole: () => boolean;
  readonly halted: () => boolean;
  /** Entries were applied since the last commit, if only such that changed nothing. */
  readonly behind: () => boolean;
  /** Bytes that all entries applied in this life took in the log, at most. */
  readonly appliedBytes: () => number;
  /** What the commit says: the state between two entries, now. */
  readonly commit: () => CommitMeta;
  /** Adds the control records that changed since the last successful run. */
  readonly controls: (run: RunBuilder) => void;
  readonly landed: (appliedIndex: number) => void;
  /** Nothing is under way any more: the next flush may begin, and who waited may go on. */
  readonly idle: () => void;
  readonly failed: (error: Error) => void;
}

export class Flusher implements FreezeWatcher {
  /** Bytes of the run that is being made durable. */
  flyingBytes = 0;
  /** Entries of the run under way, by id; for those who must see what is not in the index yet. */
  flying: Int32Array = none;
  lastFlushMs: number;
  private readonly deps: FlusherDeps;
  /** Of the run under way. */
  private encoder: Encoder | null = null;
  private under: Promise<void> | null = null;
  private stopped = false;
  private oldestDirtyMs = 0;
  /** Changes repeated before the run under way was frozen. */
  private repeated = false;
  /** Bytes applied when the run before was frozen. */
  private frozenAtBytes = 0;
  /** After a full disk nothing is tried before this; 0 otherwise. */
  private retryAtMs = 0;

  constructor(deps: FlusherDeps) {
    this.deps = deps;
    this.lastFlushMs = deps.clock.nowMs();
    deps.databases.resident.watchFreeze(this);
  }

  /** Starts a flush if it is time; called after entries and by a timer. */
  tick(): void {
    if (this.under !== null || this.stopped || !this.deps.whole()) return;
    const { databases, limits, clock } = this.deps;
    const { resident } = databases;
    if (this.retryAtMs !== 0 && clock.monotonicMs() < this.retryAtMs) return;
    // The log is cut by commits: it grows by entries that change nothing, too.
    if (resident.dirty.length === 0 && !this.deps.behind()) {
      this.oldestDirtyMs = 0;
      return;
    }
    const patient = this.repeating;
    const most = patient ? this.room : this.flushBytes;
    const behindBytes = this.deps.appliedBytes() - this.frozenAtBytes;
    if (resident.dirtyBytes < most && behindBytes < this.flushBytes * patienceBytes) {
      const now = clock.monotonicMs();
      if (this.oldestDirtyMs === 0) this.oldestDirtyMs = now;
      const intervalMs = limits.flushIntervalMs * (patient ? patienceTime : 1);
      if (now - this.oldestDirtyMs < intervalMs) return;
    }
    void this.start();
  }

  /**
   * Changes overwrite each other before they are flushed: who waits longer writes less. After a
   * freeze nothing can have been overwritten yet; until its run has landed, what was so before
   * holds, or writers would wait for just the runs that were allowed to grow.
   */
  get repeating(): boolean {
    const { changes, dirty } = this.deps.databases.resident;
    return this.repeated || changes - dirty.length > changes * repeatShareMin;
  }

  /** Well before as much waits as makes clients wait. */
  private get flushBytes(): number {
    const { limits, cacheBytes } = this.deps;
    return Math.min(limits.flushBytes, cacheBytes() * flushShareMax, this.pinnedMax / 2);
  }

  /**
   * Bound of the resident set. Runs are let grow beyond the rest only while the set is smaller
   * (`room`).
   */
  get residentMax(): number {
    return Math.floor(this.deps.cacheBytes() * residentShare);
  }

  /** What a run that was let grow may take beside the resident set. */
  private get room(): number {
    const { resident } = this.deps.databases;
    const bytes = this.deps.cacheBytes();
    const full = resident.bytes > this.residentMax * fullShare;
    const left = full ? bytes * runShare : bytes - resident.bytes;
    return Math.max(this.flushBytes, Math.min(left, bytes * grownShareMax, this.pinnedMax / 2));
  }

  private get pinnedMax(): number {
    return this.deps.limits.pinnedBytes ?? pinnedMax;
  }

  /** Nothing more may be applied before a run has landed. */
  get crowded(): boolean {
    return this.pinnedBytes > this.pinnedMax;
  }

  /** Writers must wait: too much cannot be evicted, or the next run would find no room. */
  get full(): boolean {
    if (this.crowded) return true;
    const bytes = this.deps.cacheBytes();
    if (!this.repeating) return this.pinnedBytes > bytes * unflushedShareMax;
    const { dirtyBytes } = this.deps.databases.resident;
    const room = Math.max(bytes * waitShareMin, this.room);
    return this.pinnedBytes > bytes * repeatedShareMax || dirtyBytes > room;
  }

  /** Bytes that cannot be evicted before they are flushed. */
  private get pinnedBytes(): number {
    const { dirtyBytes, sharedBytes } = this.deps.databases.resident;
    return this.flyingBytes + dirtyBytes - sharedBytes;
  }

  /** Everything applied when this is called is in the store when it resolves. */
  async flush(): Promise<void> {
    // A command may ask for it from inside an entry.
    await this.deps.scheduler.yieldNow();
    if (this.under !== null) await this.under;
    if (this.deps.halted()) throw new StrongroomError("NODE_HALTED");
    if (this.stopped) return;
    while (!this.deps.whole()) {
      if (this.deps.halted()) throw new StrongroomError("NODE_HALTED");
      await this.deps.scheduler.delay(1);
    }
    await (this.under ?? this.start());
  }

  /** Waits for the run under way and starts no more. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.under !== null) await this.under.catch(() => {});
  }

  private start(): Promise<void> {
    this.oldestDirtyMs = 0;
    const under = this.perform().finally(() => {
      this.under = null;
      this.encoder = null;
      this.flying = none;
      this.repeated = false;
      this.ended();
      this.deps.idle();
    });
    this.under = under;
    under.catch((error: Error) => this.deps.failed(error));
    return under;
  }

  private async perform(): Promise<void> {
    const { databases, store, scheduler } = this.deps;
    const { resident } = databases;
    const commit = this.deps.commit();
    this.flyingBytes = resident.dirtyBytes;
    this.repeated = this.repeating;
    const frozen = resident.freeze();
    const run = store.newRun(resident.frozenBytes + runSpareBytes);
    const encoder = new Encoder(this.deps, run, commit.commitTs);
    this.encoder = encoder;
    this.frozenAtBytes = this.deps.appliedBytes();
    this.flying = frozen;
    try {
      this.deps.controls(run);
      run.reserve(resident.frozenBytes);
      const partBytes = this.flushBytes * partShare;
      let handed = 0;
      for (let at = encoder.slice(frozen, 0); at < frozen.length; at = encoder.slice(frozen, at)) {
        if (run.bytes - handed >= partBytes) {
          store.advance(run);
          handed = run.bytes;
        }
        await scheduler.yieldNow();
      }
      await store.flush(run, commit);
    } catch (error) {
      store.discard(run);
      for (const id of frozen) resident.returned(id);
      if (!isStrongroomError(error, "STORE_DISK_FULL")) this.stopped = true;
      this.retryAtMs = this.deps.clock.monotonicMs() + fullPauseMs;
      throw error;
    }
    for (let at = 0; at < frozen.length; at++) {
      resident.landed(frozen[at] as number);
      if (at % settledRecords === settledRecords - 1) await scheduler.yieldNow();
    }
    this.retryAtMs = 0;
    this.lastFlushMs = this.deps.clock.nowMs();
    this.ended();
    this.deps.landed(commit.appliedIndex);
  }

  /** What the run held in memory is held by what changed since, or by nothing. */
  private ended(): void {
    this.flyingBytes = 0;
    this.deps.databases.resident.sharedBytes = 0;
  }

  /** Encodes a frozen record, if it still is one. */
  beforeChange(id: number): void {
    this.encoder?.beforeChange(id);
  }
}
