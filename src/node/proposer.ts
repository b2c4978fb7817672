/**
 * Collects writes into one batch while earlier ones become durable, seals each batch once and
 * appends it: the only way into the log. After a failed append nothing new is proposed until
 * everything under way is settled, because what follows a missing sequence number is a no-op.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/ports.ts";
import type { Args } from "../commands/args.ts";
import type { Admission } from "../control/admit.ts";
import { expireCode, transactionCode, type Watch } from "../entry/batch.ts";
import type { ReplicatedLog } from "../log/log.ts";
import { BatchPool, type PendingBatch } from "./batch.ts";
import { Durations } from "./durations.ts";
import type { Growth } from "./growth.ts";
import type { Client, QueuedCommand } from "./port.ts";
import type { Probe } from "./probe.ts";

/** A batch is proposed once it has grown to this: the log keeps memory for entries of 1 MiB. */
const batchBytesMax = 960 << 10;
/** Entries under way: one is written while the next is sealed. */
const inFlightMax = 2;
/** Bytes of entries under way at once; a larger one goes alone, so that large values wait. */
const sentBytesMax = 32 << 20;
/** Bytes of values that a batch changes before it is proposed, and several under way together. */
const growthMax = 128 << 20;
/** A batch that comes back more often is answered with its refusal: something is wrong. */
const returnsMax = 8;

/** Turns a batch into an entry of the node's current session. */
export interface EntrySealer {
  /** The session's last sequence number that was applied. */
  lastApplied(): number;
  readonly session: bigint;
  /** Fills in the batch's keyId and returns its entry. */
  seal(batch: PendingBatch, log: ReplicatedLog): Buffer;
}

export interface ProposerDeps {
  readonly log: ReplicatedLog;
  /** Throws while it must not be believed: then nothing is proposed. */
  readonly clock: Clock;
  readonly sealer: EntrySealer;
  /** Runs after the events of this turn of the loop. */
  readonly defer: (run: () => void) => void;
  /** The batch is durable at `index`: apply it, then call `release`. */
  readonly durable: (batch: PendingBatch, index: number) => void;
  /** The batch is not in the log and never will be. */
  readonly failed: (batch: PendingBatch, error: Error) => void;
  /** True while the effects of a control entry are being made durable; then `recorded`. */
  readonly settling: () => boolean;
  /** True while so much waits for the store that no more may be applied; then `roomier`. */
  readonly crowded: () => boolean;
  /** Greatest timestamp applied, ms. */
  readonly machineMs: () => number;
  readonly probe: Probe;
}

export class Proposer {
  /** Bytes collected and under way. */
  bytes = 0;
  /** Set: everything not yet proposed is answered with it, in order, until it is null again. */
  refusing: Error | null = null;
  /** From the log getting a batch until its commands were answered, counted by command. */
  readonly durations = new Durations();
  batches = 0;
  private readonly deps: ProposerDeps;
  private readonly pool = new BatchPool();
  private open: PendingBatch;
  private readonly queue: PendingBatch[] = [];
  /** Entries not yet durable, and entries not yet applied. */
  private inFlight = 0;
  private held = 0;
  private sentBytes = 0;
  /** Batches that were not released, with exchanges of databases, or keys that expire. */
  swapping = 0;
  expiring = 0;
  /** Growth of the entries not yet applied. */
  private growing = 0;
  private exclusive = false;
  private recovering = false;
  /** A batch that could not be sealed; answered when those before it are. */
  private unsealed: { batch: PendingBatch; error: Error } | null = null;
  /** Came back unapplied, in order; proposed again, before all others, once nothing is held. */
  private readonly returned: PendingBatch[] = [];
  private scheduled = false;
  private lastMs = 0;
  private lastLogical = 0;
  private nextSeq = 0;
  private idleWaiters: (() => void)[] = [];
  private readonly turn = (): void => {
    this.scheduled = false;
    this.pump();
  };

  constructor(deps: ProposerDeps) {
    this.deps = deps;
    this.open = this.pool.take();
  }

  /** A new session counts from its first entry. */
  restart(): void {
    assert(this.inFlight === 0, "the session changed under entries in flight");
    this.nextSeq = this.deps.sealer.lastApplied() + 1;
  }

  write(client: Client | null, code: number, db: number, args: Args): void {
    const { buffer, starts, ends, first, count } = args;
    let bytes = 7 + 4 * count;
    for (let n = first; n < first + count; n++)
      bytes += (ends[n] as number) - (starts[n] as number);
    const batch = this.open;
    batch.need(bytes);
    const { writer } = batch;
    writer.head(code, db);
    writer.u32(count);
    for (let n = first; n < first + count; n++)
      writer.argument(buffer, starts[n] as number, ends[n] as number);
    if (this.deps.probe.times(code, bytes)) {
      batch.timed.push(writer.count);
      batch.timedCodes.push(code);
    }
    this.added(batch, client, bytes);
  }

  /** Of the batch that takes the next command; told before it is written. */
  get growth(): Growth {
    return this.open.growth;
  }

  /** The batch that takes the next command may exchange databases. */
  swaps(): void {
    if (this.open.swaps) return;
    this.open.swaps = true;
    this.swapping++;
  }

  /** Deletes what has expired among these keys. */
  expire(db: number, keys: readonly Buffer[]): void {
    const bytes = keys.reduce((sum, key) => sum + 4 + key.length, 7);
    this.open.need(bytes);
    if (!this.open.expires) this.expiring++;
    this.open.expires = true;
    const { writer } = this.open;
    writer.head(expireCode, db);
    writer.u32(keys.length);
    for (const key of keys) writer.argument(key, 0, key.length);
    this.added(this.open, null, bytes);
  }

  transaction(client: Client, commands: readonly QueuedCommand[], watches: readonly Watch[]): void {
    const writes = commands.filter((c) => c.spec?.flags.includes("write") === true);
    let bytes = 3 + 8;
    for (const watch of watches) bytes += 17 + watch.key.length;
    for (const { args } of writes) bytes += 7 + 4 * args.count + args.buffer.length;
    const batch = this.open;
    batch.need(bytes);
    const { writer } = batch;
    batch.transactions.set(writer.count, { commands, next: 0 });
    writer.head(transactionCode, 0);
    writer.u32(watches.length);
    for (const watch of watches) {
      writer.buffer[writer.at++] = watch.database;
      writer.safe64(watch.index);
      writer.u32(watch.ordinal);
      writer.argument(watch.key, 0, watch.key.length);
    }
    writer.u32(writes.length);
    for (const { spec, db, args } of writes) {
      writer.head(spec?.code as number, db);
      writer.u32(args.count);
      for (let n = 0; n < args.count; n++) writer.argument(args.buffer, args.start(n), args.end(n));
    }
    this.added(batch, client, bytes);
  }

  private added(batch: PendingBatch, client: Client | null, bytes: number): void {
    batch.clients.push(client);
    batch.writer.count++;
    batch.counted += bytes;
    this.bytes += bytes;
    if (batch.writer.at >= batchBytesMax || batch.growth.bytes >= growthMax) this.close();
    if (this.scheduled) return;
    this.scheduled = true;
    this.deps.defer(this.turn);
  }

  /**
   * Proposes a control entry. Resolves with its index once it was applied.
   * @param applied - Runs when it was applied and before anything else is proposed: what the next
   *   entry depends on (its session, its key) changes here.
   */
  control(
    opens: bigint | null,
    build: (session: bigint, seq: number) => Buffer,
    applied: () => void,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      this.close();
      const batch = this.pool.take();
      batch.control = { opens, build, applied, resolve, reject, payload: Buffer.alloc(0) };
      this.queue.push(batch);
      this.pump();
    });
  }

  /** Ends the batch that is being collected. */
  private close(): void {
    if (this.open.empty) return;
    this.queue.push(this.open);
    this.open = this.pool.take();
  }

  private pump(): void {
    if (this.refusing !== null) {
      // Clients get their replies in order: first those of the entries under way.
      if (this.held === 0) this.failAll(this.refusing);
      return;
    }
    while (!this.recovering && !this.exclusive && this.inFlight < inFlightMax) {
      if (this.queue.length === 0) this.close();
      const batch = this.queue[0];
      if (batch === undefined) break;
      // A control entry may change keys and session: it is alone until it was applied, and the
      // next one waits until its effects are durable too.
      if (batch.control !== null && (this.held > 0 || this.deps.settling())) break;
      if (this.inFlight > 0 && this.sentBytes + batch.counted > sentBytesMax) break;
      if (batch.control === null && this.waits(batch)) break;
      this.queue.shift();
      this.exclusive = batch.control !== null;
      this.propose(batch);
    }
    if (this.quiet) this.idle();
  }

  /** Whatever is in the log and not in the store must fit into one run, also after a restart. */
  private waits(batch: PendingBatch): boolean {
    const growing = this.growing + batch.growth.bytes;
    return this.deps.crowded() || (this.growing > 0 && growing > growthMax);
  }

  /** A run has landed: what was crowded may be no more. */
  roomier(): void {
    this.pump();
  }

  /** Nothing is collected or under way, and all effects are durable. */
  private get quiet(): boolean {
    const waiting = this.queue.length > 0 || !this.open.empty;
    return this.held === 0 && !waiting && !this.deps.settling();
  }

  /** The effects of a control entry are durable: what waits for that may go on. */
  recorded(): void {
    this.pump();
  }

  private propose(batch: PendingBatch): void {
    const { log, sealer } = this.deps;
    const { control } = batch;
    const opens = control?.opens ?? null;
    batch.session = opens ?? sealer.session;
    batch.seq = opens !== null ? 0 : this.nextSeq++;
    this.inFlight++;
    this.sentBytes += batch.counted;
    this.growing += batch.growth.bytes;
    this.held++;
    try {
      if (control !== null) control.payload = control.build(batch.session, batch.seq);
      else this.stamp(batch);
      const entry = sealer.seal(batch, log);
      batch.sentMs = this.deps.clock.monotonicMs();
      log.append(entry, (error, index) => this.settled(batch, error, index));
    } catch (error) {
      this.recovering = true;
      this.unsealed = { batch, error: error as Error };
      this.failUnsealed();
    }
  }

  private failUnsealed(): void {
    if (this.unsealed === null || this.held > 1) return;
    const { batch, error } = this.unsealed;
    this.unsealed = null;
    this.settled(batch, error, 0);
  }

  private stamp(batch: PendingBatch): void {
    const now = Math.max(this.deps.clock.nowMs(), this.deps.machineMs(), this.lastMs);
    this.lastLogical = now === this.lastMs ? this.lastLogical + 1 : 0;
    this.lastMs = now;
    if (this.lastLogical > 0xffff) {
      this.lastMs++;
      this.lastLogical = 0;
    }
    batch.writer.seal(this.lastMs, this.lastLogical);
  }

  private settled(batch: PendingBatch, error: Error | null, index: number): void {
    this.inFlight--;
    this.sentBytes -= batch.counted;
    this.bytes -= batch.counted;
    if (error === null) {
      const { probe, clock } = this.deps;
      const { sentMs, writer } = batch;
      const { count } = writer;
      if (probe.monitoring) probe.sink?.event("aof-fsync-always", clock.monotonicMs() - sentMs);
      this.deps.durable(batch, index);
      this.batches++;
      this.durations.add(clock.monotonicMs() - sentMs, count);
      return;
    }
    this.recovering = true;
    this.deps.failed(batch, error);
    this.release(batch);
  }

  /**
   * A batch that was ordered behind the log cutover in clear, and those behind it whose number now
   * is a gap, were no-ops: nothing of them was applied, nobody was answered. They are kept, and
   * sealed and proposed again under new numbers. `release` follows.
   * @returns False: the batch is to be answered with its refusal.
   */
  again(batch: PendingBatch, admission: Admission): boolean {
    const behind = admission === "gap" && this.returned.length > 0;
    if (admission !== "clear-after-cutover" && !behind) return false;
    if (batch.control !== null || ++batch.returns > returnsMax) return false;
    this.recovering = true;
    this.bytes += batch.counted;
    this.returned.push(batch);
    return true;
  }

  /** The batch was applied, refused or answered for, or is to be proposed again. */
  release(batch: PendingBatch): void {
    this.held--;
    this.growing -= batch.growth.bytes;
    if (batch.control !== null) this.exclusive = false;
    if (this.returned.at(-1) !== batch) this.give(batch);
    this.failUnsealed();
    if (this.recovering && this.held === 0) {
      this.recovering = false;
      this.restart();
      this.queue.unshift(...this.returned.splice(0));
    }
    this.pump();
  }

  /** From now on nothing is proposed (null: again). */
  refuse(error: Error | null): void {
    this.refusing = error;
    this.pump();
  }

  private failAll(error: Error): void {
    this.close();
    for (const batch of this.queue.splice(0)) {
      this.bytes -= batch.counted;
      this.deps.failed(batch, error);
      this.give(batch);
    }
    if (this.quiet) this.idle();
  }

  private give(batch: PendingBatch): void {
    if (batch.swaps) this.swapping--;
    if (batch.expires) this.expiring--;
    this.pool.give(batch);
  }

  private idle(): void {
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves once nothing is collected or under way, and all effects are durable. */
  drained(): Promise<void> {
    if (this.quiet) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }
}
