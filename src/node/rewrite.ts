/**
 * Requests to seal afresh what lies under a key: asked for, held, throttled and called off while
 * the node serves. A request is durable before it is acted on and is taken up again after a
 * restart; what was rewritten by then is no longer there to be rewritten. A log key is cleared by a
 * checkpoint and truncation. docs/decisions/0036.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Clock, Scheduler } from "../base/ports.ts";
import type { ControlState } from "../control/state.ts";
import type { SegmentLog } from "../log/segments/open.ts";
import type { SegmentStore } from "../store/segments/store.ts";
import { clearLog } from "./clearing.ts";
import { type LocalRow, type RewriteRow, type RewriteState, rewriteRow } from "./localrows.ts";
import type { RewriteInfo } from "./operations.ts";
import type { Note } from "./requests.ts";

export const bytesPerSecondMax = 2 ** 40;
/** Over so long the speed is measured. */
const windowMs = 5000;

export interface RewritesDeps {
  readonly state: ControlState;
  readonly store: SegmentStore;
  readonly log: SegmentLog;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Makes everything applied, and the rows that changed, durable in the store. */
  readonly flush: () => Promise<void>;
  readonly alarm: (event: string, detail: string) => void;
}

interface Sample {
  readonly ms: number;
  readonly bytes: number;
}

/** Of a key under which there is nothing to do (any more). */
export const nothingLeft = (keyId: number): RewriteInfo => ({
  keyId,
  state: "done",
  bytesTotal: 0,
  bytesDone: 0,
  recordsDone: 0,
  bytesPerSecond: 0,
  currentBytesPerSecond: 0,
  etaMs: 0,
});

export class Rewrites {
  private readonly deps: RewritesDeps;
  private readonly rows = new Map<number, RewriteRow>();
  private finishing = false;
  private readonly samples = new Map<number, Sample[]>();
  private readonly changed = new Set<number>();
  private serving = false;

  constructor(deps: RewritesDeps) {
    this.deps = deps;
  }

  /** What the store says that was asked for before this start. */
  restore(rows: readonly RewriteRow[]): void {
    for (const row of rows) this.rows.set(row.keyId, row);
  }

  /** The node serves: what was asked for goes on, and files that a crash left are taken away. */
  resume(): void {
    this.serving = true;
    // What fails here is tried again by the first flush, which tells.
    this.deps.store.settle().catch(() => {});
    for (const row of this.rows.values()) this.give(row);
  }

  /** Rows that changed since the last call; they belong into the next run. */
  takeChanged(): LocalRow[] {
    const rows = [...this.changed].map((id) => rewriteRow(id, this.rows.get(id) ?? null));
    this.changed.clear();
    return rows;
  }

  /** Newest request last. */
  all(): RewriteInfo[] {
    const rows = [...this.rows.values()].filter(({ keyId }) => !this.retired(keyId));
    return rows.map((row) => this.infoOf(row));
  }

  /** Under a key that was retired nothing is left: whoever asks for that has it. */
  info(keyId: number): RewriteInfo | null {
    if (this.retired(keyId)) return nothingLeft(keyId);
    const row = this.rows.get(keyId);
    return row === undefined ? null : this.infoOf(row);
  }

  private retired(keyId: number): boolean {
    return this.deps.state.keys.get(keyId)?.state === "retired";
  }

  /**
   * @param bytesPerSecond - 0: unthrottled.
   * @throws CONTROL_KEY_UNKNOWN, CONTROL_KEY_ACTIVE, CONTROL_KEY_PURPOSE, REWRITE_BEFORE_CUTOVER,
   * REWRITE_RATE, and what a flush throws.
   */
  async start(keyId: number, bytesPerSecond: number, note: Note): Promise<RewriteInfo> {
    needRate(bytesPerSecond);
    const purpose = this.judge(keyId);
    if (this.retired(keyId)) return nothingLeft(keyId);
    const known = this.rows.get(keyId);
    if (known?.state === "running") return this.throttle(keyId, bytesPerSecond, note);
    if (purpose === "log") return this.startLog(keyId, bytesPerSecond, note);
    // What is being written under the key is closed first: from then on only less is left.
    await this.deps.store.rotate();
    const { bytesLeft, recordsLeft } = this.deps.store.compactor.rewriteProgress(keyId);
    const row: RewriteRow = {
      keyId,
      state: bytesLeft === 0 ? "done" : "running",
      bytesTotal: bytesLeft,
      recordsTotal: recordsLeft,
      bytesPerSecond,
    };
    return this.put(row, note);
  }

  pause(keyId: number, note: Note): Promise<RewriteInfo> {
    return this.change(keyId, { state: "paused" }, ["running", "paused"], note);
  }

  resumeOne(keyId: number, note: Note): Promise<RewriteInfo> {
    return this.change(keyId, { state: "running" }, ["running", "paused"], note);
  }

  throttle(keyId: number, bytesPerSecond: number, note: Note): Promise<RewriteInfo> {
    needRate(bytesPerSecond);
    return this.change(keyId, { bytesPerSecond }, ["running", "paused"], note);
  }

  /** Until it is asked for again nothing is rewritten under the key, in the background neither. */
  cancel(keyId: number, note: Note): Promise<RewriteInfo> {
    const from = ["running", "paused", "cancelled"] as const;
    return this.change(keyId, { state: "cancelled" }, from, note);
  }

  /** Looks what has been done; called a few times a second. */
  tick(): void {
    const { store, clock } = this.deps;
    for (const row of this.rows.values()) {
      if (this.retired(row.keyId)) this.forget(row.keyId);
      else if (row.state === "running") this.watch(row, clock.monotonicMs());
    }
    for (const { state: of } of this.rows.values()) if (of === "running") store.compactor.wake();
  }

  private forget(keyId: number): void {
    this.rows.delete(keyId);
    this.samples.delete(keyId);
    this.changed.add(keyId);
    this.deps.store.compactor.withdraw(keyId);
  }

  private watch(row: RewriteRow, ms: number): void {
    const left = this.deps.store.compactor.rewriteProgress(row.keyId);
    const samples = this.samples.get(row.keyId) ?? [];
    this.samples.set(row.keyId, samples);
    samples.push({ ms, bytes: row.bytesTotal - left.bytesLeft });
    while (samples.length > 2 && ms - (samples[0] as Sample).ms > windowMs) samples.shift();
    if (left.segmentsLeft === 0) this.finish(row).catch(() => {});
    else if (left.segmentsLeft === left.damaged) {
      this.deps.alarm("rewrite-damaged", `key ${row.keyId}: ${left.damaged} damaged segments left`);
      this.end(row, "paused");
    }
  }

  /** Done once no file is left: one that could not be removed goes with the next manifest. */
  private async finish(row: RewriteRow): Promise<void> {
    if (this.finishing) return;
    this.finishing = true;
    const { store } = this.deps;
    try {
      await store.removed();
      const files = await store.files();
      // It may have been paused, or called off, meanwhile.
      if (row.state !== "running" || this.rows.get(row.keyId) !== row) return;
      if (files.every(({ keyId }) => keyId !== row.keyId)) this.end(row, "done");
      else await store.rotate();
    } finally {
      // What failed is tried again at the next tick.
      this.finishing = false;
    }
  }

  private end(row: RewriteRow, state: RewriteState): void {
    row.state = state;
    this.changed.add(row.keyId);
    this.samples.delete(row.keyId);
    this.give(row);
  }

  /** @returns The purpose of what is to be cleared. */
  private judge(keyId: number): "storage" | "log" {
    const { state } = this.deps;
    if (keyId === 0) {
      if (state.storageCutover === 0) throw new StrongroomError("REWRITE_BEFORE_CUTOVER");
      return "storage";
    }
    const key = state.keys.get(keyId);
    if (key === undefined) throw new StrongroomError("CONTROL_KEY_UNKNOWN", `key ${keyId}`);
    if (key.purpose === "index")
      throw new StrongroomError("CONTROL_KEY_PURPOSE", `key ${keyId} is an index key`);
    if (key.state === "active") throw new StrongroomError("CONTROL_KEY_ACTIVE", `key ${keyId}`);
    return key.purpose;
  }

  private async startLog(keyId: number, bytesPerSecond: number, note: Note): Promise<RewriteInfo> {
    const { store, log, scheduler, flush } = this.deps;
    const before = log.usage().find((usage) => usage.keyId === keyId);
    await clearLog({ store, log, scheduler, flush });
    const done: RewriteRow = {
      keyId,
      state: "done",
      bytesTotal: before?.bytes ?? 0,
      recordsTotal: before?.entries ?? 0,
      bytesPerSecond,
    };
    return this.put(done, note);
  }

  private change(
    keyId: number,
    change: Partial<RewriteRow>,
    from: readonly RewriteState[],
    note: Note,
  ): Promise<RewriteInfo> {
    const row = this.rows.get(keyId);
    if (row === undefined || !from.includes(row.state))
      throw new StrongroomError("REWRITE_NOT_FOUND", `key ${keyId}`);
    return this.put({ ...row, ...change }, note);
  }

  /** Durable first, with the request in the same commit; then acted on. */
  private async put(row: RewriteRow, note: Note): Promise<RewriteInfo> {
    const before = this.rows.get(row.keyId);
    this.rows.delete(row.keyId);
    this.rows.set(row.keyId, row);
    this.changed.add(row.keyId);
    note.add();
    try {
      await this.deps.flush();
    } catch (error) {
      note.drop();
      if (before === undefined) this.rows.delete(row.keyId);
      else this.rows.set(row.keyId, before);
      this.changed.add(row.keyId);
      throw error;
    }
    this.samples.delete(row.keyId);
    this.give(row);
    return this.infoOf(row);
  }

  /** Tells the compactor. What is done needs no order. */
  private give(row: RewriteRow): void {
    const { compactor } = this.deps.store;
    if (!this.serving) return;
    if (this.deps.state.keys.get(row.keyId)?.purpose === "log") return;
    if (row.state === "done") {
      compactor.withdraw(row.keyId);
      return;
    }
    const { keyId, bytesPerSecond } = row;
    compactor.order({
      keyId,
      bytesPerSecond: bytesPerSecond === 0 ? Number.POSITIVE_INFINITY : bytesPerSecond,
      held: row.state !== "running",
    });
  }

  private infoOf(row: RewriteRow): RewriteInfo {
    const { keyId, state, bytesTotal, recordsTotal, bytesPerSecond } = row;
    const log = this.deps.state.keys.get(keyId)?.purpose === "log";
    const left = log
      ? { bytesLeft: 0, recordsLeft: 0 }
      : this.deps.store.compactor.rewriteProgress(keyId);
    const bytesLeft = Math.min(left.bytesLeft, bytesTotal);
    const current = state === "running" ? this.speed(keyId) : 0;
    const expected = current > 0 ? current : bytesPerSecond;
    let etaMs = -1;
    if (bytesLeft === 0) etaMs = 0;
    else if (state === "running" && expected > 0) etaMs = Math.ceil((bytesLeft * 1000) / expected);
    return {
      keyId,
      state,
      bytesTotal,
      bytesDone: bytesTotal - bytesLeft,
      recordsDone: Math.max(0, recordsTotal - left.recordsLeft),
      bytesPerSecond,
      currentBytesPerSecond: current,
      etaMs,
    };
  }

  private speed(keyId: number): number {
    const samples = this.samples.get(keyId) ?? [];
    const first = samples[0];
    const last = samples.at(-1);
    if (first === undefined || last === undefined || last.ms <= first.ms) return 0;
    return Math.max(0, Math.round(((last.bytes - first.bytes) * 1000) / (last.ms - first.ms)));
  }
}

function needRate(bytesPerSecond: number): void {
  const known = Number.isSafeInteger(bytesPerSecond) && bytesPerSecond >= 0;
  if (!known || bytesPerSecond > bytesPerSecondMax)
    throw new StrongroomError("REWRITE_RATE", `${bytesPerSecond} bytes a second`);
}
