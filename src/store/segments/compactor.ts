/**
 * Decides what to compact and how fast. Three reasons, in this order: space (the segments with the
 * largest dead share first, whole dead ones without copying anything), an order to clear a key, and
 * in the background whatever a key that is no longer active sealed. One compaction at a time, in
 * small steps at a bounded rate, so that commands hardly notice.
 * @module
 */
import { isStrongroomError } from "../../base/errors.ts";
import { SetAside } from "./aside.ts";
import type { Segment } from "./books.ts";
import { Compaction, type CompactionInput, type StoreParts } from "./compaction.ts";
import type { ControlName } from "./controls.ts";
import { ExpiredBytes } from "./expired.ts";
import { Overtaken } from "./ledger.ts";
import { type Order, Orders, type RewriteProgress } from "./orders.ts";

export interface CompactorOptions {
  /** False: only `rewrite` and `compact` do something. */
  readonly automatic: boolean;
  /** Bytes copied per second while less than half of the store is dead; up to 8 times above. */
  readonly bytesPerSecond: number;
  /** Bytes copied per second of what nobody asked for: segments under keys of the past. */
  readonly backgroundBytesPerSecond: number;
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
  /** Told what an operator must see to. */
  readonly alarm: (event: string, detail: string) => void;
}

const defaults: CompactorOptions = {
  automatic: true,
  bytesPerSecond: 32 * 1024 * 1024,
  backgroundBytesPerSecond: 8 * 1024 * 1024,
  deadShareMin: 0.5,
  idleBytes: 0,
  stepBytes: 1024 * 1024,
  outputBytes: 56 * 1024 * 1024,
  alarm: () => {},
};

/** Share of its rates while much is being flushed. */
const busyShare = 1 / 2;
const victimsMax = 32;
/** Share of dead records at which a segment is due however small the store is. */
const idleShareMin = 0.95;
/** So many small segments, as restarts leave them, are merged. */
const smallMax = 16;
/** Pause after a full disk before copying is tried again. */
const fullPauseMs = 200;
/** Longest single wait of the throttle, so that a stop is quick. */
const pauseMsMax = 50;

/** A compaction to be made, and why: that decides its pace. */
interface Work {
  readonly reason: "space" | "order" | "background" | "purge";
  /** Of an order and of the background: everything is under this key. */
  readonly keyId: number;
  readonly victims: readonly Segment[];
}

const nothing: Work = { reason: "space", keyId: 0, victims: [] };

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
  private readonly orders = new Orders();
  /** The compaction under way. */
  private current: { readonly work: Work; readonly compaction: Compaction } | null = null;
  /** The last one made room: an order has the next turn. */
  private madeRoom = false;
  private readonly expired: ExpiredBytes;
  private readonly aside: SetAside;
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
    this.expired = new ExpiredBytes(parts.books.index);
    this.aside = new SetAside(this.options.alarm);
  }

  /** @param bytesPerSecond - Infinity: as fast as it goes. */
  setRate(bytesPerSecond: number): void {
    this.rate = bytesPerSecond;
  }

  /** Something changed: looks whether there is work. */
  wake(): void {
    if (this.stopped || (!this.options.automatic && !this.orders.any)) return;
    this.expired.tick();
    this.aside.tick();
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
  private once(pick: () => Work): Promise<boolean> {
    const result = this.turn.then(async () => {
      const work = this.stopped ? nothing : pick();
      return work.victims.length > 0 && (await this.perform(work));
    });
    this.turn = result.catch(() => {});
    return result;
  }

  private async perform(work: Work): Promise<boolean> {
    const compaction = new Compaction(this.input, this.parts, {
      stepBytes: this.options.stepBytes,
      stopping: () => this.withdrawn(work),
      throttle: (bytes) => this.throttle(work, bytes),
      setAside: (victim, error) => this.aside.add(victim, error),
    });
    this.current = { work, compaction };
    this.madeRoom = work.reason === "space";
    try {
      const outcome = await compaction.run(work.victims);
      if (outcome === "done") this.compactions++;
      // What an order no longer asks for is given up, and there may be something else to do.
      return outcome !== "stopped" || !this.stopped;
    } catch (error) {
      // Begun in clear, done after the storage cutover: its sources are there for the next turn.
      if (error instanceof Overtaken) return true;
      if (isStrongroomError(error, "STORE_DISK_FULL")) {
        this.wasFull = true;
        await this.input.scheduler.delay(fullPauseMs);
        return false;
      }
      this.stopped = true;
      this.parts.flusher.fail(error);
      return false;
    } finally {
      this.current = null;
      this.compactedBytes += compaction.copiedBytes;
    }
  }

  /** True if the work is no longer wanted. */
  private withdrawn({ reason, keyId }: Work): boolean {
    if (this.stopped) return true;
    if (reason === "order") return this.orders.of(keyId)?.held !== false;
    return reason === "background" && this.orders.of(keyId)?.held === true;
  }

  /** Waits so long that copying keeps its rate, which may change meanwhile. */
  private async throttle(work: Work, bytes: number): Promise<void> {
    await this.input.scheduler.yieldNow();
    for (let owed = bytes; owed > 0 && !this.withdrawn(work); ) {
      const perMs = this.rateOf(work) / 1000;
      if (!(owed / perMs >= 1)) return;
      const ms = Math.min(owed / perMs, pauseMsMax);
      await this.input.scheduler.delay(ms);
      owed -= ms * perMs;
    }
  }

  /** Bytes a second. Where more is dead than lives, room comes before everybody's wishes. */
  private rateOf({ reason, keyId }: Work): number {
    const urgency = this.urgency();
    const forSpace = this.rate * urgency * (this.parts.warmer.busy ? busyShare : 1);
    if (reason === "space" || reason === "purge") return forSpace;
    const order = this.orders.of(keyId);
    const wished = order?.bytesPerSecond ?? this.options.backgroundBytesPerSecond;
    return urgency > 1 ? Math.max(wished, forSpace) : wished;
  }

  private urgency(): number {
    let live = 0;
    let dead = 0;
    for (const segment of this.parts.books.segments.values()) {
      live += segment.recordBytes - segment.deadBytes;
      dead += segment.deadBytes;
    }
    return dead <= live ? 1 : Math.min(8, (dead / Math.max(live, 1)) ** 2);
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
    const expired = this.expired.of(segment.header.number);
    return Math.min(segment.deadBytes + expired, segment.recordBytes);
  }

  private due(): Work {
    const share = (segment: Segment) =>
      segment.recordBytes === 0 ? 1 : this.deadOf(segment) / segment.recordBytes;
    const { automatic } = this.options;
    const shareMin = this.idle() ? idleShareMin : this.options.deadShareMin;
    const all = this.candidates().sort((one, other) => share(other) - share(one));
    // What is dead whole goes without copying, also where there is no room for a copy.
    const wanted = (one: Segment) => automatic || this.orders.of(one.header.keyId)?.held === false;
    const dead = all.filter((segment) => share(segment) >= 1 && wanted(segment));
    if (dead.length > 0) return { ...nothing, victims: dead.slice(0, victimsMax) };
    const small = all.filter((segment) => segment.length < this.options.outputBytes / 8);
    const merge = small.length >= smallMax;
    const room = all.filter(
      (segment) => automatic && (share(segment) >= shareMin || (merge && small.includes(segment))),
    );
    const order = this.orders.next((keyId) => all.some((one) => one.header.keyId === keyId));
    if (room.length > 0 && (order === null || !this.madeRoom))
      return { ...nothing, victims: this.fitting(room) };
    if (order !== null) return this.under("order", order.keyId, all);
    return automatic ? this.background(all) : nothing;
  }

  private under(reason: "order" | "background", keyId: number, all: readonly Segment[]): Work {
    const victims = this.fitting(all.filter((one) => one.header.keyId === keyId));
    return { reason, keyId, victims };
  }

  /** What a key of the past sealed is sealed afresh, however much of it lives. */
  private background(all: readonly Segment[]): Work {
    const { keyId } = this.input.keys.active();
    const old = all.find(
      ({ header }) => header.keyId !== keyId && this.orders.of(header.keyId) === null,
    );
    return old === undefined ? nothing : this.under("background", old.header.keyId, all);
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

  private findExpired(): Promise<void> {
    const nowMs = Number(this.parts.flusher.durable.commitTs >> 16n);
    return this.expired.find(nowMs, this.input.scheduler, () => this.stopped);
  }

  /** Compacts every segment that holds anything dead, the open one included. */
  async compact(): Promise<void> {
    await this.rotate();
    this.aside.retry();
    const met = new Set<Segment>();
    const pick = (): Work => {
      const due = this.candidates().filter((one) => one.deadBytes > 0 && !met.has(one));
      const victims = this.fitting(due);
      for (const victim of victims) met.add(victim);
      return { ...nothing, victims };
    };
    while (await this.once(pick));
  }

  /** What is left under a key, and how much of the compaction under way is done. */
  rewriteProgress(keyId: number): RewriteProgress {
    const progress = { keyId, segmentsLeft: 0, bytesLeft: 0, recordsLeft: 0, damaged: 0 };
    for (const segment of this.parts.books.segments.values()) {
      if (segment.header.keyId !== keyId || segment.leaving) continue;
      progress.segmentsLeft++;
      progress.bytesLeft += segment.length;
      progress.recordsLeft += segment.records;
      if (segment.damage !== null) progress.damaged++;
    }
    const { current } = this;
    const ours = current?.work.victims[0]?.header.keyId === keyId && current.work.keyId === keyId;
    if (ours) progress.bytesLeft -= Math.min(current.compaction.readBytes, progress.bytesLeft);
    return progress;
  }

  /**
   * Orders that everything under a key that is no longer active be sealed afresh; replaces an
   * earlier order for the key. It goes on until nothing is left, in the turns that making room
   * leaves it. After a restart it is asked for again and goes on with what is there.
   */
  order(order: Order): void {
    this.orders.set(order);
    if (!order.held) this.aside.retry();
    this.wake();
  }

  /** Forgets an order: what is left is cleared in the background again. */
  withdraw(keyId: number): void {
    this.orders.delete(keyId);
    this.wake();
  }

  /** Closes the segment under way, then clears a key as `order` does. @returns What is left. */
  async rewrite(keyId: number): Promise<RewriteProgress> {
    await this.rotate();
    this.aside.retry();
    this.orders.set({ keyId, bytesPerSecond: this.rate, held: false });
    const pick = (): Work =>
      this.orders.of(keyId)?.held === false
        ? this.under("order", keyId, this.candidates())
        : nothing;
    try {
      while (await this.once(pick));
    } finally {
      this.orders.delete(keyId);
    }
    return this.rewriteProgress(keyId);
  }

  /** Numbers of the segments that hold an older frame of one of these control records. */
  olderControls(rows: readonly ControlName[]): number[] {
    const { controls } = this.parts.books;
    return [...new Set(rows.flatMap((row) => controls.holdersOfOlder(row)))];
  }

  /**
   * Compacts every segment that holds an older frame of one of these control records, so that what
   * they said before is in no file any more. Closes the segment under way first.
   * @returns Numbers of segments that still hold one: those set aside, or all if the disk was full.
   */
  async clearControls(rows: readonly ControlName[]): Promise<number[]> {
    await this.rotate();
    this.aside.retry();
    const holding = () => new Set(this.olderControls(rows));
    const pick = (): Work => {
      const numbers = holding();
      const victims = this.candidates().filter(({ header }) => numbers.has(header.number));
      return { reason: "purge", keyId: 0, victims: this.fitting(victims) };
    };
    while (await this.once(pick));
    return [...holding()];
  }
}
