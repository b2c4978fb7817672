/**
 * Verifies a serving node: every sealed record of the store and every entry of the log is opened,
 * every authenticated control entry is checked. In slices of about a millisecond and at a bounded
 * speed, so that clients do not wait for it. What is written meanwhile is not awaited.
 *
 * Nothing is changed but one thing: the segment that is being written is closed first, so that it
 * can be read to its end.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { verifierOf } from "../control/macs.ts";
import {
  type ControlOpcode,
  controlMacInput,
  controlOpcodes,
  isControlOpcode,
  splitTrailer,
} from "../entry/control.ts";
import { type EntryHeader, entryHeaderBytes, readEntryHeader } from "../entry/logentry.ts";
import type { Runtime } from "./runtime.ts";

export interface VerifyFinding {
  /** Of the error table. */
  readonly code: string;
  /** File and offset, or index of an entry. No user data. */
  readonly place: string;
}

export interface VerifyProgress {
  /** Last is `done`. */
  readonly phase: "store" | "log" | "done";
  /** Records of the store that opened. */
  readonly records: number;
  /** Entries of the log that opened, or whose MAC is right. */
  readonly entries: number;
  readonly bytes: number;
  /** Of everything, as known at the start. */
  readonly bytesTotal: number;
  readonly failures: number;
  /** At most 100. */
  readonly findings: readonly VerifyFinding[];
  /** With phase `done`: everything opened. */
  readonly clean: boolean;
}

const bytesPerSecondDefault = 64 * 2 ** 20;
const findingsMax = 100;
/** Between two reports. */
const reportMs = 250;
const sliceBytes = 256 * 1024;

type VerifyRuntime = Pick<Runtime, "deps">;

class Verification {
  private readonly runtime: VerifyRuntime;
  private readonly bytesPerSecond: number;
  private readonly startedMs: number;
  private reportedMs: number;
  private phase: VerifyProgress["phase"] = "store";
  private records = 0;
  private entries = 0;
  private bytes = 0;
  private bytesTotal = 0;
  private failures = 0;
  private readonly findings: VerifyFinding[] = [];

  constructor(runtime: VerifyRuntime, bytesPerSecond: number) {
    this.runtime = runtime;
    this.bytesPerSecond = bytesPerSecond === 0 ? bytesPerSecondDefault : bytesPerSecond;
    this.startedMs = runtime.deps.clock.monotonicMs();
    this.reportedMs = this.startedMs;
  }

  async *run(): AsyncGenerator<VerifyProgress> {
    const { store, log } = this.runtime.deps;
    await store.rotate();
    this.bytesTotal = store.stats().bytes + log.bytes;
    yield this.progress();
    yield* this.paced(this.store());
    this.phase = "log";
    yield* this.paced(this.log());
    this.phase = "done";
    yield this.progress();
  }

  private progress(): VerifyProgress {
    const { phase, records, entries, bytes, failures } = this;
    const findings = [...this.findings];
    const clean = phase === "done" && failures === 0;
    const bytesTotal = Math.max(bytes, this.bytesTotal);
    return { phase, records, entries, bytes, bytesTotal, failures, findings, clean };
  }

  /** Goes through `steps` at the speed that is allowed; each yields the bytes that it read. */
  private async *paced(steps: Generator<number>): AsyncGenerator<VerifyProgress> {
    const { clock, scheduler } = this.runtime.deps;
    try {
      for (const bytes of steps) {
        this.bytes += bytes;
        const now = clock.monotonicMs();
        const dueMs = this.startedMs + (this.bytes / this.bytesPerSecond) * 1000;
        if (dueMs > now + 1) await scheduler.delay(Math.min(dueMs - now, reportMs));
        else await scheduler.yieldNow();
        if (clock.monotonicMs() - this.reportedMs < reportMs) continue;
        this.reportedMs = clock.monotonicMs();
        yield this.progress();
      }
    } finally {
      steps.return?.(undefined);
    }
  }

  private found(place: string, error: unknown): void {
    this.failures++;
    const system = (error as NodeJS.ErrnoException).code;
    if (!(error instanceof StrongroomError) && system === undefined) throw error;
    const code = error instanceof StrongroomError ? error.code : `STORE_READ_FAILED`;
    if (this.findings.length < findingsMax) this.findings.push({ code, place });
  }

  private *store(): Generator<number> {
    const { store } = this.runtime.deps;
    const seen = new Set<number>();
    // The second round takes what the compactor made of segments that the first did not reach.
    for (let round = 0; round < 2; round++)
      for (const segment of store.closedSegments()) {
        const { number } = segment.header;
        if (seen.has(number) || segment.leaving) continue;
        seen.add(number);
        const name = `segment ${number}`;
        try {
          yield* store.verify(segment, {
            record: () => {
              this.records++;
            },
            failed: (offset, error) => this.found(`${name} at offset ${offset}`, error),
          });
        } catch (error) {
          if (!segment.leaving) this.found(name, error);
        }
      }
  }

  private *log(): Generator<number> {
    const { log } = this.runtime.deps;
    let [read, next] = [0, log.first as number];
    try {
      for (const { index, entry } of log.read(log.first)) {
        next = index + 1;
        read += entry.length;
        try {
          this.entry(index, entry);
        } catch (error) {
          this.found(`log entry ${index}`, error);
        }
        if (read < sliceBytes) continue;
        yield read;
        read = 0;
      }
    } catch (error) {
      this.found(`log at entry ${next}`, error);
    }
    yield read;
  }

  private entry(index: number, entry: Buffer): void {
    const header = readEntryHeader(entry);
    const code = entry[entryHeaderBytes] as number;
    if (header.keyId === 0) {
      if (isControlOpcode(code)) this.checkMac(index, code, header, entry);
      this.entries++;
      return;
    }
    const { session, state } = this.runtime.deps;
    // Applied, and its session's salt is gone with the session: nobody needs or can open it.
    if (!state.sessions.has(header.session)) return;
    const copy = Buffer.from(entry);
    try {
      session.open(header, copy);
      this.entries++;
    } finally {
      copy.fill(0);
    }
  }

  private checkMac(index: number, code: ControlOpcode, header: EntryHeader, entry: Buffer): void {
    const { state, place, macs } = this.runtime.deps;
    if (code === controlOpcodes.bootstrap || !state.bootstrapped) return;
    if (index <= state.bootstrapIndex) return;
    const trailer = splitTrailer(entry.subarray(entryHeaderBytes + 1));
    if (trailer === null) throw new StrongroomError("FORMAT_TRUNCATED", `log entry ${index}`);
    const { cluster, group } = place;
    const at = { cluster, group, session: header.session, seq: header.seq };
    const input = controlMacInput(at, code, trailer.keyId, trailer.body);
    if (verifierOf(macs)(trailer.keyId, input, trailer.tag) === "invalid")
      throw new StrongroomError("CRYPTO_TAG_MISMATCH", `control entry ${index}`);
  }
}

/**
 * @param bytesPerSecond - Of reading; 0: 64 MiB.
 * @throws STORE_*, if the node cannot write any more.
 */
export function verifyNode(
  runtime: VerifyRuntime,
  bytesPerSecond: number,
): AsyncIterable<VerifyProgress> {
  return new Verification(runtime, bytesPerSecond).run();
}
