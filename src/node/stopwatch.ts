/**
 * Times the writes of a batch that are to be timed, each from its place to the next one. The clock
 * is read for these alone; arguments are looked for in the batch only when somebody wants them.
 * @module
 */
import { Args } from "../commands/args.ts";
import type { CommandSpec } from "../commands/command.ts";
import { codeToSpec } from "../commands/table.ts";
import { BatchReader } from "../entry/batch.ts";
import type { PendingBatch } from "./batch.ts";
import type { Client } from "./port.ts";
import type { Probe } from "./probe.ts";

export interface StopwatchDeps {
  readonly probe: Probe;
  readonly monotonicMs: () => number;
}

/** The arguments of command `ordinal`: views into the batch. */
function argumentsAt(batch: PendingBatch, ordinal: number): Args {
  const reader = new BatchReader();
  const payload = batch.payload();
  reader.begin(payload, 1, payload.length);
  for (let n = 0; n <= ordinal; n++) reader.anyCommand();
  const args = new Args();
  args.buffer = reader.buffer;
  args.starts = reader.starts;
  args.ends = reader.ends;
  args.count = reader.argc;
  return args;
}

export class Stopwatch {
  private readonly deps: StopwatchDeps;
  private batch: PendingBatch | null = null;
  private at = 0;
  /** The command that is to be timed next; -1: none. */
  private next = -1;
  private running = false;
  private client: Client | null = null;
  private beganMs = 0;
  /** Set: a command of a transaction is running. */
  private inner: { spec: CommandSpec; args: Args } | null = null;

  constructor(deps: StopwatchDeps) {
    this.deps = deps;
  }

  begin(batch: PendingBatch): void {
    this.batch = batch;
    this.at = 0;
    this.next = this.deps.probe.sink === null ? -1 : (batch.timed[0] ?? -1);
    this.running = false;
  }

  /** How many commands from `ordinal` on are not to be timed. */
  untilNext(ordinal: number): number {
    return this.next < ordinal ? Number.POSITIVE_INFINITY : this.next - ordinal;
  }

  /** Command `ordinal` runs now. */
  start(ordinal: number, client: Client | null): void {
    if (ordinal !== this.next) return;
    this.run(client, null);
  }

  /** A write of a transaction runs now. */
  startInner(client: Client | null, spec: CommandSpec | null, args: Args): void {
    if (spec !== null && this.deps.probe.timesSpec(spec)) this.run(client, { spec, args });
  }

  private run(client: Client | null, inner: { spec: CommandSpec; args: Args } | null): void {
    this.running = true;
    this.client = client;
    this.inner = inner;
    this.beganMs = this.deps.monotonicMs();
  }

  /** What ran until now is over. */
  stop(): void {
    if (!this.running) return;
    this.running = false;
    const { probe, monotonicMs } = this.deps;
    const ms = monotonicMs() - this.beganMs;
    const { client, inner, batch } = this;
    this.client = null;
    this.inner = null;
    if (inner !== null) {
      if (client !== null) probe.sink?.ran(client, inner.spec, ms, () => inner.args);
      return;
    }
    const { timed, timedCodes } = batch as PendingBatch;
    const ordinal = this.next;
    const spec = codeToSpec(timedCodes[this.at] as number);
    this.next = timed[++this.at] ?? -1;
    if (client !== null && spec !== undefined)
      probe.sink?.ran(client, spec, ms, () => argumentsAt(batch as PendingBatch, ordinal));
  }

  /** The batch is over, whatever became of it. */
  end(): void {
    this.stop();
    this.batch = null;
    this.next = -1;
  }
}
