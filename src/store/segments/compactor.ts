/**
 * Decides what to compact and how fast: the segments with the largest dead share first, whole dead
 * ones without copying anything, and everything under a key that is to be cleared. One compaction
 * at a time, in small steps at a bounded rate, so that commands hardly notice.
 * @module
 */
import { isStrongroomError } from "../../base/errors.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import type { Segment } from "./books.ts";
import { Compaction, type CompactionInput, type StoreParts } from "./compaction.ts";
import { isLiveRoot } from "./index.ts";
import { wordExpiry, wordFlags, wordLength, wordSegment } from "./shard.ts";
import { Sweep } from "./walk.ts";

export interface CompactorOptions {
  /** False: only `rewrite` and `compact` do something. */
  readonly automatic: boolean;
  /** Bytes copied per second while less than half of the store is dead; up to 8 times above. */
  readonly bytesPerSecond: number;
  /** A segment is due when this share of its records is dead. */
  readonly deadShareMin: number;
  /**
   * While the whole store takes no more than this, only segments that are nearly all dead are due:
   * there a little disk saves most of the copying. 0: never mind.
   */
  readonly idleBytes: number;
  /** Bytes copied by one step: between steps others have their turn. */
  readonly stepBytes: number;
  /** Live bytes that one compaction copies at most, unless a single segment holds more. */
  readonly outputBytes: number;
}

const defaults: CompactorOptions = {
  automatic: true,
  bytesPerSecond: 32 * 1024 * 1024,
  deadShareMin: 0.5,
  idleBytes: 0,
  stepBytes: 1024 * 1024,
  outputBytes: 56 * 1024 * 1024,
};

const victimsMax = 32;
/** Share of dead records at which a segment is due however small the store is. */
const idleShareMin = 0.95;
/** So many small segments, as restarts leave them, are merged. */
const smallMax = 16;
/** Pause after a full disk before copying is tried again. */
const fullPauseMs = 200;
/** Longest single wait of the throttle, so that a stop is quick. */
const pauseMsMax = 50;
const sweepSlots = 4096;
/** Flushes between two rounds that look for expired records. */
const sweepEvery = 64;

export interface RewriteProgress {
  readonly keyId: number;
  readonly segmentsLeft: number;
  readonly bytesLeft: number;
}

export class Compactor {
  /** The disk was full once: from then on space is worth copying for. */
  private wasFull = false;
  compactions = 0;
  compactedBytes = 0;
  private rate: number;
  private readonly options: CompactorOptions;
  private readonly input: CompactionInput;
  private readonly parts: StoreParts;
  private readonly rotate: () => Promise<void>;
  private turn: Promise<unknown> = Promise.resolve();
  private readonly rewriting = new Set<number>();
  private readonly sweep: Sweep;
  private expiredBytes = new Map<number, number>();
  private sinceSweep = 0;
  private running: Promise<void> | null = null;
  private stopped = false;
  private again = false;

  constructor(
    input: CompactionInput & { readonly options: Partial<CompactorOptions> },
    parts: StoreParts,
    rotate: () => Promise<void>,
  ) {
    this.input = input;
    this.options = { ...defaults, ...input.options };
    this.rate = this.options.bytesPerSecond;
    this.parts = parts;
    this.rotate = rotate;
    this.sweep = new Sweep(parts.books.index);
  }

  /** @param bytesPerSecond - Infinity: as fast as it goes. */
  setRate(bytesPerSecond: number): void {
    this.rate = bytesPerSecond;
  }

  /** Something changed: looks whether there is work. */
  wake(): void {
    if (this.stopped || (!this.options.automatic && this.rewriting.size === 0)) return;
    this.sinceSweep++;
    this.again = true;
    this.running ??= this.loop();
  }

  /** Ends the compaction that runs; its output is thrown away. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    await this.turn;
  }

  private async loop(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.input.scheduler.yieldNow();
        if (this.options.automatic) await this.findExpired();
        while (await this.once(() => this.due())) this.again = true;
      }
    } finally {
      this.running = null;
    }
  }

  /** Compacts what `pick` chooses. @returns False if that is nothing, or if it has to wait. */
  private once(pick: () => readonly Segment[]): Promise<boolean> {
    const result = this.turn.then(async () => {
      const victims = this.stopped ? [] : pick();
      return victims.length > 0 && (await this.compactVictims(victims));
    });
    this.turn = result.catch(() => {});
    return result;
  }

  private async compactVictims(victims: readonly Segment[]): Promise<boolean> {
    const compaction = new Compaction(this.input, this.parts, {
      stepBytes: this.options.stepBytes,
      stopping: () => this.stopped,
      throttle: (bytes) => this.throttle(bytes),
    });
    try {
      const outcome = await compaction.run(victims);
      if (outcome === "done") this.compactions++;
      return outcome !== "stopped";
    } catch (error) {
      if (isStrongroomError(error, "STORE_DISK_FULL")) {
        this.wasFull = true;
        await this.input.scheduler.delay(fullPauseMs);
        return false;
      }
      this.stopped = true;
      this.parts.flusher.fail(error);
      return false;
    } finally {
      this.compactedBytes += compaction.copiedBytes;
    }
  }

  private async throttle(bytes: number): Promise<void> {
    let live = 0;
    let dead = 0;
    for (const segment of this.parts.books.segments.values()) {
      live += segment.recordBytes - segment.deadBytes;
      dead += segment.deadBytes;
    }
    const urgency = dead <= live ? 1 : Math.min(8, (dead / Math.max(live, 1)) ** 2);
    let ms = (bytes * 1000) / (this.rate * urgency);
    await this.input.scheduler.yieldNow();
    for (; ms >= 1 && !this.stopped; ms -= pauseMsMax)
      await this.input.scheduler.delay(Math.min(ms, pauseMsMax));
  }

  private candidates(): Segment[] {
    const open = this.parts.flusher.openNumber;
    return [...this.parts.books.segments.values()].filter(
      (segment) =>
        segment.closed &&
        !segment.leaving &&
        segment.damage === null &&
        segment.header.number !== open,
    );
  }

  private deadOf(segment: Segment): number {
    const expired = this.expiredBytes.get(segment.header.number) ?? 0;
    return Math.min(segment.deadBytes + expired, segment.recordBytes);
  }

  private due(): Segment[] {
    const share = (segment: Segment) =>
      segment.recordBytes === 0 ? 1 : this.deadOf(segment) / segment.recordBytes;
    const { automatic } = this.options;
    const shareMin = this.idle() ? idleShareMin : this.options.deadShareMin;
    const { keyId } = this.input.keys.active();
    // What an older key sealed is sealed afresh, however much of it lives.
    const shareOf = ({ header }: Segment) => (header.keyId === keyId ? shareMin : 0);
    const all = this.candidates();
    const small = all.filter((segment) => segment.length < this.options.outputBytes / 8);
    const merge = automatic && small.length >= smallMax;
    const due = all.filter(
      (segment) =>
        this.rewriting.has(segment.header.keyId) ||
        (automatic && share(segment) >= shareOf(segment)) ||
        (merge && small.includes(segment)),
    );
    due.sort((one, other) => share(other) - share(one));
    // What is dead whole goes without copying, also where there is no room for a copy.
    const dead = due.filter((segment) => share(segment) >= 1);
    return dead.length > 0 ? dead.slice(0, victimsMax) : this.fitting(due);
  }

  /** True while the store is small and the disk has room. */
  private idle(): boolean {
    if (this.wasFull) return false;
    let bytes = 0;
    for (const { length } of this.parts.books.segments.values()) bytes += length;
    return bytes <= this.options.idleBytes;
  }

  /** As many as give one output of the wanted size; at least one. */
  private fitting(due: readonly Segment[]): Segment[] {
    const victims: Segment[] = [];
    let live = 0;
    for (const segment of due) {
      live += segment.recordBytes - this.deadOf(segment);
      const full = live > this.options.outputBytes || victims.length === victimsMax;
      if (victims.length > 0 && full) break;
      victims.push(segment);
    }
    return victims;
  }

  /** Counts the bytes of records that have expired by the durable commit's time, by segment. */
  private async findExpired(): Promise<void> {
    const { index } = this.parts.books;
    if (index.expiring === 0 || this.sinceSweep < sweepEvery) return;
    this.sinceSweep = 0;
    const found = new Map<number, number>();
    const now = Number(this.parts.flusher.durable.commitTs >> 16n) / 1000;
    this.sweep.restart();
    const count = (words: Uint32Array, at: number): boolean => {
      const expiry = words[at + wordExpiry] as number;
      if (expiry === 0 || expiry > now || !isLiveRoot(words[at + wordFlags] as number))
        return false;
      const segment = words[at + wordSegment] as number;
      const bytes = frameHeaderBytes + (words[at + wordLength] as number);
      found.set(segment, (found.get(segment) ?? 0) + bytes);
      return false;
    };
    while (!this.stopped && !this.sweep.walk(sweepSlots, count))
      await this.input.scheduler.yieldNow();
    this.expiredBytes = found;
  }

  /** Compacts every segment that holds anything dead, the open one included. */
  async compact(): Promise<void> {
    await this.rotate();
    const met = new Set<Segment>();
    const pick = () => {
      const due = this.candidates().filter((one) => one.deadBytes > 0 && !met.has(one));
      const victims = this.fitting(due);
      for (const victim of victims) met.add(victim);
      return victims;
    };
    while (await this.once(pick));
  }

  rewriteProgress(keyId: number): RewriteProgress {
    let segmentsLeft = 0;
    let bytesLeft = 0;
    for (const segment of this.parts.books.segments.values()) {
      if (segment.header.keyId !== keyId) continue;
      segmentsLeft++;
      bytesLeft += segment.length;
    }
    return { keyId, segmentsLeft, bytesLeft };
  }

  /**
   * Seals everything under a key that is no longer active afresh. Throttled; after a restart it is
   * simply asked for again and goes on with what is left.
   * @returns Progress when it ends: segments are left if it was stopped or some are damaged.
   */
  async rewrite(keyId: number): Promise<RewriteProgress> {
    await this.rotate();
    this.rewriting.add(keyId);
    const pick = () => this.fitting(this.candidates().filter((one) => one.header.keyId === keyId));
    try {
      while (await this.once(pick));
    } finally {
      this.rewriting.delete(keyId);
    }
    return this.rewriteProgress(keyId);
  }
}
