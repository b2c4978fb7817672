/**
 * A run that is sealed and written while it is collected: whatever stands in it when the writer has
 * time is taken next. It has the store's turn until it is flushed or given up, so its segment and
 * its sequence stay as they are.
 * @module
 */
import type { Segment } from "./books.ts";
import type { SegmentRun } from "./run.ts";
import type { Job, JobOutcome } from "./runwriter.ts";

/** Where a stream goes. */
export interface StreamPlace {
  readonly segment: Segment;
  /** Sequence of the run's first record. */
  readonly sequence: number;
}

export interface StreamInput {
  /** Called in our turn. */
  readonly begin: () => Promise<StreamPlace>;
  readonly execute: (job: Job) => Promise<JobOutcome>;
  readonly compress: boolean;
}

export class RunStream {
  readonly place: Promise<StreamPlace>;
  /** Resolves when all flushes before this one are done. */
  readonly turn: Promise<unknown>;
  /** Resolves by `letGo`: the next flush may have its turn. */
  readonly ended: Promise<void>;
  letGo: () => void = () => {};
  /** Why a part could not be written. */
  failure: Extract<JobOutcome, { ok: false }> | null = null;
  /** End of the frames that the writer was given. */
  handed = 0;
  private readonly run: SegmentRun;
  private readonly input: StreamInput;
  private ready = 0;
  private feeding: Promise<void> | null = null;

  constructor(run: SegmentRun, turn: Promise<unknown>, input: StreamInput) {
    this.run = run;
    this.turn = turn;
    this.input = input;
    this.ended = new Promise((resolve) => {
      this.letGo = resolve;
    });
    this.place = turn.then(() => input.begin());
    // Told to whoever flushes the run.
    this.place.catch(() => {});
  }

  /** What the run holds now will not change: it may be written. */
  advance(): void {
    this.ready = this.run.bytes;
    this.feeding ??= this.feed().finally(() => {
      this.feeding = null;
    });
  }

  private async feed(): Promise<void> {
    const place = await this.place.catch(() => null);
    while (place !== null && this.handed < this.ready && this.failure === null)
      await this.part(place, this.ready);
  }

  private async part({ segment, sequence }: StreamPlace, end: number): Promise<void> {
    const { execute, compress } = this.input;
    const { number } = segment.header;
    const memory = this.run.buffer;
    this.handed = end;
    const outcome = await execute({ type: "part", number, memory, end, sequence, compress });
    if (!outcome.ok) this.failure = outcome;
  }

  /** Hands no more over. Resolves when the writer is done with what it has. */
  async stop(): Promise<void> {
    this.ready = this.handed;
    await this.feeding;
  }
}
