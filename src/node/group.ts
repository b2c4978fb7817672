/**
 * The apply loop of a group: entries in log order, each judged, opened, applied, answered. Own
 * entries come back from the proposer with their clear payload; at start and from other nodes they
 * come from the log. What cannot be applied halts the group without advancing the applied index.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import { type Admission, advance, advancePassed, judge } from "../control/admit.ts";
import type { ControlState } from "../control/state.ts";
import {
  type EntryHeader,
  entryHeaderBytes,
  entryHeaderIn,
  opcode,
  readEntryHeader,
} from "../entry/logentry.ts";
import type { ReplicatedLog } from "../log/log.ts";
import { discardSink } from "../machine/discard.ts";
import type { Machine } from "../machine/machine.ts";
import type { BatchSink } from "../machine/ports.ts";
import type { PendingBatch, PendingControl } from "./batch.ts";
import type { ControlHost } from "./controlhost.ts";
import { haltOf, isDefect } from "./defect.ts";
import { type ReplySink, refusalText } from "./sink.ts";

/** Opens a sealed entry in place. */
export interface EntryOpener {
  /** @returns where the clear payload stands in `entry`. */
  open(header: EntryHeader, entry: Buffer): { at: number; end: number };
}

export interface GroupDeps {
  readonly machine: Machine;
  readonly state: ControlState;
  readonly host: ControlHost;
  readonly opener: EntryOpener;
  readonly sink: ReplySink;
  /** The batch was dealt with; its memory may be used again. */
  readonly release: (batch: PendingBatch) => void;
  /** True: nothing of the batch was applied and it will be proposed again, unanswered. */
  readonly again: (batch: PendingBatch, admission: Admission) => boolean;
  /** Answers everybody who waits for this batch, from command `from` (0) on. */
  readonly fail: (batch: PendingBatch, error: Error, from?: number) => void;
  /** After entries were applied: eviction, flush. */
  readonly applied: () => void;
  /** The effects of a control entry are durable, or never will be (`settling`, `haltedBy`). */
  readonly recorded: () => void;
  readonly halted: (error: StrongroomError) => void;
}

export class Group {
  /** Why the group has halted. */
  haltedBy: StrongroomError | null = null;
  /** Index of the entry that could not be applied, 0 if it was something else. */
  haltedAt = 0;
  /** Why it has halted, and at which entry; empty: it has not. */
  get haltReason(): string {
    if (this.haltedBy === null) return "";
    return `${this.haltedAt === 0 ? "" : `entry ${this.haltedAt}: `}${this.haltedBy.message}`;
  }
  /** Digests of entries that an operator lets this node pass, by index. */
  private readonly skips = new Map<number, Buffer>();
  private readonly deps: GroupDeps;
  private readonly queue: { batch: PendingBatch; index: number }[] = [];
  private applying = false;
  /** Session and number of the entry at the applied index. */
  lastSession = 0n;
  lastSeq = 0;
  private readonly header: EntryHeader = { keyId: 0, session: 0n, seq: 0 };

  constructor(deps: GroupDeps) {
    this.deps = deps;
  }

  /** True while the effects of a control entry are not durable yet: no commit may say so. */
  get settling(): boolean {
    return this.deps.host.unsettled;
  }

  /** The same, and somebody completes them. Nobody does after a halt or a failed start. */
  get completing(): boolean {
    const given = this.haltedAt !== 0 && !this.applying;
    return this.settling && this.haltedBy === null && !given;
  }

  /** An own entry is durable. */
  durable(batch: PendingBatch, index: number): void {
    if (!this.applying && this.queue.length === 0 && batch.control === null) {
      this.applyOwn(batch, index);
      return;
    }
    this.queue.push({ batch, index });
    if (!this.applying) void this.drain();
  }

  private async drain(): Promise<void> {
    this.applying = true;
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      if (next.batch.control === null) this.applyOwn(next.batch, next.index);
      else await this.applyControl(next.batch, next.index);
    }
    this.applying = false;
  }

  private applyOwn(batch: PendingBatch, index: number): void {
    const { deps, header } = this;
    try {
      if (this.haltedBy !== null) throw this.haltedBy;
      header.keyId = batch.keyId;
      header.session = batch.session;
      header.seq = batch.seq;
      const admission = judge(deps.state, header, index);
      if (admission === "apply") {
        deps.sink.begin(batch);
        const payload = batch.payload();
        deps.machine.apply(index, header, payload, 0, payload.length, deps.sink);
        advance(deps.state, header);
        deps.sink.end();
      } else {
        deps.machine.skip(index);
        if (!deps.again(batch, admission)) deps.fail(batch, refusalOf(admission));
      }
    } catch (error) {
      if (this.haltedBy === null) this.haltedAt = index;
      const halt = this.halt(error as Error);
      deps.fail(batch, halt, this.answered(index, halt));
    }
    this.lastSession = batch.session;
    this.lastSeq = batch.seq;
    deps.release(batch);
    deps.applied();
  }

  /** After a batch was given up: how many of its commands have their reply. */
  private answered(index: number, error: unknown): number {
    const { machine, sink } = this.deps;
    const { resident } = machine.databases;
    const begun = machine.torn && resident.index === index;
    return begun ? sink.abort(resident.ordinal, refusalText(error)) : 0;
  }

  private async applyControl(batch: PendingBatch, index: number): Promise<void> {
    const { deps } = this;
    const pending = batch.control;
    assert(pending !== null);
    try {
      if (this.haltedBy !== null) throw this.haltedBy;
      const { keyId, session, seq } = batch;
      const payload = batch.payload();
      this.control(index, { keyId, session, seq }, payload, 0, payload.length);
      await deps.host.settleWhatOthersNeed();
      const refusal = deps.host.refusal();
      if (refusal === null) pending.applied();
      void this.record(index, pending, refusal);
    } catch (error) {
      this.failControl(index, pending, error as Error);
    }
    deps.release(batch);
    deps.applied();
  }

  /** Tells the proposer once the entry is durable with its effects; no client waits for that. */
  private async record(
    index: number,
    pending: PendingControl,
    refusal: StrongroomError | null,
  ): Promise<void> {
    try {
      await this.deps.host.record();
      if (refusal === null) pending.resolve(index);
      else pending.reject(refusal);
    } catch (error) {
      this.failControl(index, pending, error as Error);
    }
    this.deps.recorded();
  }

  private failControl(index: number, pending: PendingControl, error: Error): void {
    if (this.haltedBy === null) this.haltedAt = index;
    const halt = this.halt(error);
    pending.reject(isDefect(error) ? halt : error);
  }

  private control(
    index: number,
    header: EntryHeader,
    payload: Buffer,
    at: number,
    end: number,
  ): void {
    this.deps.machine.apply(index, header, payload, at, end, discardSink);
    this.lastSession = header.session;
    this.lastSeq = header.seq;
  }

  /**
   * Applies what the log holds beyond the applied index. Entries that a later one lets pass are
   * passed; what cannot be applied is thrown, with its index in `haltedAt`.
   */
  async replay(log: ReplicatedLog): Promise<void> {
    const from = this.deps.machine.appliedIndex + 1;
    this.readSkips(log, from);
    for (const { index, entry } of log.read(from as typeof log.first)) {
      const skipped = this.skips.get(index);
      try {
        if (skipped?.equals(this.deps.state.deps.sha256(entry)) === true) this.pass(index, entry);
        else await this.replayOne(log, index, entry);
      } catch (error) {
        this.haltedAt = index;
        throw error;
      }
    }
  }

  private async replayOne(log: ReplicatedLog, index: number, entry: Buffer): Promise<void> {
    const { machine, state, opener } = this.deps;
    const header = readEntryHeader(entry);
    this.restore(header.session, header.seq);
    if (header.keyId === 0 && isControl(entry[entryHeaderBytes] as number)) {
      this.control(index, header, entry, entryHeaderBytes, entry.length);
      await this.deps.host.settle();
      // A skip may be signed under a key that this entry has made known.
      if (state.keyringIndex === index) this.readSkips(log, index + 1);
      return;
    }
    if (judge(state, header, index) !== "apply") {
      machine.skip(index);
      return;
    }
    let at = entryHeaderBytes;
    let end = entry.length;
    if (header.keyId !== 0) ({ at, end } = opener.open(header, entry));
    machine.apply(index, header, entry, at, end, discardSink as BatchSink);
    advance(state, header);
    this.deps.applied();
  }

  /** Reads ahead for entries that let another one pass. */
  private readSkips(log: ReplicatedLog, from: number): void {
    for (const { index, entry } of log.read(from as typeof log.first)) {
      const header = entryHeaderIn(entry);
      if (header === null || header.keyId !== 0 || entry[entryHeaderBytes] !== opcode.keyring)
        continue;
      const skip = this.deps.host.skipIn(index, header, entry.subarray(entryHeaderBytes + 1));
      if (skip !== null) this.skips.set(skip.index, Buffer.from(skip.digest));
    }
  }

  private pass(index: number, entry: Buffer): void {
    const { machine, state, host } = this.deps;
    const header = entryHeaderIn(entry);
    machine.skip(index);
    if (header !== null) advancePassed(state, header);
    this.restore(header?.session ?? 0n, header?.seq ?? 0);
    host.passed(index);
  }

  /**
   * Goes on after a halt, once the log holds what lets the entry pass.
   * @throws what the next entry cannot be applied for: the group is halted again.
   */
  async resume(log: ReplicatedLog): Promise<void> {
    assert(this.haltedBy !== null && !this.applying, "a group that is not halted");
    this.applying = true;
    this.haltedBy = null;
    try {
      await this.replay(log);
      this.haltedAt = 0;
    } catch (error) {
      this.halt(error as Error);
      throw error;
    } finally {
      this.applying = false;
    }
  }

  /** What the state was when it was made durable. */
  restore(session: bigint, seq: number): void {
    this.lastSession = session;
    this.lastSeq = seq;
  }

  /** Stops applying for good; a restart tries again. @returns why it has halted. */
  halt(error: Error): StrongroomError {
    if (this.haltedBy !== null) return this.haltedBy;
    this.haltedBy = haltOf(error, this.haltedAt !== 0);
    this.deps.halted(this.haltedBy);
    return this.haltedBy;
  }
}

function isControl(code: number): boolean {
  return code >= opcode.registration && code <= opcode.keyring;
}

/** What the proposer of a no-op is told: it was not applied and may be sent again. */
function refusalOf(admission: Admission): StrongroomError {
  return new StrongroomError("NODE_ENTRY_REFUSED", admission);
}
