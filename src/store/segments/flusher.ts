/**
 * Makes runs durable, one after the other: into the open segment, or into a new one when that is
 * full, was sealed under another key, or does not exist. The order that recovery relies on: a
 * closed segment has its hint, then the manifest lists the new one, then it gets its first frame.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { letGo } from "../../base/bytes.ts";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { Random, Scheduler } from "../../base/ports.ts";
import { commitBytes } from "../../entry/record.ts";
import { alignUp, blockBytes, frameHeaderBytes } from "../../files/framing.ts";
import type { Commit, CommitMeta } from "../store.ts";
import type { Books, Segment } from "./books.ts";
import type { Ledger, LedgerInput } from "./ledger.ts";
import { placeRun } from "./placing.ts";
import { forgetKeys, planSegment } from "./plan.ts";
import type { SegmentRun } from "./run.ts";
import { errorOf, type Job, type JobOutcome, type RunExecutor } from "./runwriter.ts";
import { RunStream, type StreamPlace } from "./stream.ts";
import type { Warmer } from "./warming.ts";

export interface FlusherInput extends LedgerInput {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly executor: RunExecutor;
  readonly segmentBytes: number;
  /** Records that one segment's subkey seals at most, in attempts that failed too. */
  readonly sealsMax: number;
  readonly compress: boolean;
  readonly warmer: Warmer;
}

export type Done = Extract<JobOutcome, { ok: true }>;

export class Flusher {
  durable: Commit;
  durableMac: Buffer;
  flushes = 0;
  flushedBytes = 0;
  /** Records sealed. */
  sealed = 0;
  /** Set once a write has failed: what is durable is unknown until a restart. */
  failure: StrongroomError | null = null;
  private open: Segment | null = null;
  /** Records that its subkey has sealed, in attempts that failed too; rather more than fewer. */
  private spent = 0;
  private readonly input: FlusherInput;
  private readonly books: Books;
  private readonly ledger: Ledger;

  constructor(
    input: FlusherInput,
    books: Books,
    ledger: Ledger,
    durable: { commit: Commit; mac: Buffer },
  ) {
    this.input = input;
    this.books = books;
    this.ledger = ledger;
    this.durable = durable.commit;
    this.durableMac = durable.mac;
  }

  /** @throws STORE_DISK_FULL, STORE_WRITE_FAILED; the latter for good. */
  async job(job: Job): Promise<Done> {
    if (this.failure !== null) throw this.failure;
    const outcome = await this.input.executor.run(job);
    if (outcome.ok) return outcome;
    throw this.latch(errorOf(outcome));
  }

  private latch(error: StrongroomError): StrongroomError {
    if (error.code !== "STORE_DISK_FULL") this.failure ??= error;
    return error;
  }

  /** A write elsewhere in the store has failed: nothing more is written. */
  fail(error: unknown): void {
    const ours = error instanceof StrongroomError;
    this.failure ??= ours ? error : new StrongroomError("STORE_WRITE_FAILED", "", { cause: error });
  }

  /** The run is durable and in the index when this resolves. Never two at a time. */
  async flush(run: SegmentRun, meta: CommitMeta, stream: RunStream | null): Promise<void> {
    if (this.failure !== null) throw this.failure;
    await stream?.stop();
    const place = await (stream?.place ?? this.placeFor(run.bytes));
    this.spent += run.puts;
    if (stream?.failure != null) throw this.takeBack(run, stream);
    const { segment, sequence } = place;
    const commit: Commit = { ...meta, number: this.durable.number + 1 };
    const { executor, compress, warmer } = this.input;
    const outcome = await executor.run({
      type: "run",
      number: segment.header.number,
      memory: run.buffer,
      end: run.bytes,
      sequence,
      compress,
      commit,
    });
    run.shorten(outcome.end);
    if (!outcome.ok) throw this.latch(errorOf(outcome));
    this.flushes++;
    this.flushedBytes += outcome.length - segment.length;
    if (segment.header.keyId !== 0) this.sealed += run.puts;
    warmer.wrote(segment, outcome.length);
    segment.length = outcome.length;
    segment.lastMac = Buffer.from(outcome.mac);
    this.books.nextSequence += run.records;
    await placeRun(this.books, segment, run.buffer, outcome.places, this.input.scheduler);
    letGo(outcome.places);
    this.durable = commit;
    this.durableMac = segment.lastMac;
  }

  /** Begins to write a run while it is collected, once it has its turn. */
  stream(run: SegmentRun, turn: Promise<unknown>): RunStream {
    const { executor, compress } = this.input;
    const bytes = Math.max(run.expected, run.bytes);
    return new RunStream(run, turn, {
      begin: () => this.placeFor(bytes),
      execute: (job) => executor.run(job),
      compress,
    });
  }

  /** A part met a full disk, or worse: what was taken is open again, and the rest joins it. */
  private takeBack(run: SegmentRun, { failure, handed }: RunStream): StrongroomError {
    assert(failure !== null, "a stream that has failed");
    run.buffer.copyWithin(failure.end, handed, run.bytes);
    run.shorten(run.bytes - (handed - failure.end));
    return this.latch(errorOf(failure));
  }

  /** The run of a stream will not be flushed: the writer forgets what it has of it. */
  async drop(run: SegmentRun, stream: RunStream): Promise<void> {
    await stream.stop();
    this.spent += run.puts;
    if (stream.failure !== null || stream.handed === 0) return;
    const { segment } = await stream.place;
    await this.input.executor.run({ type: "drop", number: segment.header.number });
  }

  private async placeFor(bytes: number): Promise<StreamPlace> {
    if (this.failure !== null) throw this.failure;
    const segment = await this.segmentFor(bytes);
    return { segment, sequence: this.books.nextSequence };
  }

  private async segmentFor(runBytes: number): Promise<Segment> {
    const { open } = this;
    const bytes = alignUp(runBytes + frameHeaderBytes + commitBytes);
    if (open !== null) {
      const { keyId, node16, epoch } = this.input.keys.active();
      const { header } = open;
      const same =
        header.keyId === keyId &&
        (keyId === 0 || (header.node16 === node16 && header.epoch === epoch));
      const room = open.length === blockBytes || open.length + bytes <= this.input.segmentBytes;
      // The other half is more than any run seals: none ends for want of nonces.
      const fresh = this.spent < this.input.sealsMax / 2;
      if (same && room && fresh) return open;
    }
    return this.begin();
  }

  private begin(): Promise<Segment> {
    return this.ledger.exclusive(async () => {
      await this.closeOpen();
      const number = this.ledger.takeNumber();
      const chain = { number: this.durable.number, mac: this.durableMac };
      const { random, sealsMax } = this.input;
      const { plan, segment } = planSegment(this.input, random, number, chain, sealsMax);
      let begun = false;
      try {
        await this.job({ type: "begin", plan });
        begun = true;
        this.books.segments.set(number, segment);
        await this.writeManifest();
      } catch (error) {
        this.books.segments.delete(number);
        await this.input.executor.run({ type: "abandon", number });
        // Its file goes once a manifest that retires it is durable: this one may be, or not.
        if (begun || !(await this.leftNothing(segment, error))) this.ledger.retired.add(number);
        throw error;
      } finally {
        forgetKeys(plan);
      }
      this.open = segment;
      this.spent = 0;
      return segment;
    });
  }

  /** True if, durably, a segment that found no room for its header has no file. */
  private async leftNothing({ path }: Segment, error: unknown): Promise<boolean> {
    if (!isStrongroomError(error, "STORE_DISK_FULL")) return false;
    const { executor, directory } = this.input;
    return (await executor.run({ type: "remove", directory, paths: [path] })).ok;
  }

  private async writeManifest(): Promise<void> {
    try {
      await this.ledger.write(this.input.executor, this.durable, this.durableMac);
    } catch (error) {
      throw this.latch(error as StrongroomError);
    }
  }

  /** In memory only: the manifest that says so is the caller's to write. */
  private async closeOpen(): Promise<void> {
    const { open } = this;
    if (open === null) return;
    await this.job({ type: "close", number: open.header.number });
    open.closed = true;
    this.open = null;
  }

  /** Ends the open segment: the next run begins a new one, under the key that is active then. */
  rotate(): Promise<void> {
    return this.ledger.exclusive(async () => {
      if (this.failure !== null) throw this.failure;
      const { pending, retired, signedBy } = this.ledger;
      const signed = signedBy === this.input.keys.signing().keyId;
      if (this.open === null && pending.size === 0 && retired.size === 0 && signed) return;
      await this.closeOpen();
      await this.writeManifest();
    });
  }

  /** From now on no clear segment joins: durable on return. Asked for again, nothing changes. */
  cutover(): Promise<void> {
    return this.ledger.exclusive(async () => {
      if (this.failure !== null) throw this.failure;
      await this.closeOpen();
      await this.writeManifest();
    });
  }

  /** A change of the manifest by the compactor, serialized with ours. */
  changeManifest(executor: RunExecutor, change: () => void): Promise<void> {
    return this.ledger.exclusive(async () => {
      if (this.failure !== null) throw this.failure;
      change();
      try {
        await this.ledger.write(executor, this.durable, this.durableMac);
      } catch (error) {
        throw this.latch(error as StrongroomError);
      }
    });
  }

  /** Number of the segment that runs go to now, 0 for none: its key and its size are not final. */
  get openNumber(): number {
    return this.open?.header.number ?? 0;
  }
}
