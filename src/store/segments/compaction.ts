/**
 * One compaction: the live records of a few segments, sealed afresh under the active key, become
 * one new segment; a single manifest takes that in and those out; then the index follows and the
 * old files go. A crash at any point leaves either the old ones or the new one.
 *
 * The hazard is a deleted key that comes back: a tombstone stays as long as an older copy of its
 * key is in any listed segment, and copies keep their sequence (LESSONS: bitcask).
 * @module
 */
import { letGo } from "../../base/bytes.ts";
import { isStrongroomError, type StrongroomError } from "../../base/errors.ts";
import type { Random, Scheduler } from "../../base/ports.ts";
import { readControl, recordHeaderBytes } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { storagePrefix } from "../../sealed/place.ts";
import { emptyCommit } from "../store.ts";
import type { Books, Segment } from "./books.ts";
import { copyControl, copyExpired, copyWhole } from "./copy.ts";
import { asideCodes } from "./damage.ts";
import type { Flusher } from "./flusher.ts";
import { fateExpired, follow, type Source } from "./following.ts";
import { macBytes } from "./header.ts";
import { asBuffers, type DecodedHint, hintEntryBytes, hintLengthAt, hintOffsetAt } from "./hint.ts";
import { judgeRecords } from "./judging.ts";
import { segmentMacKey, segmentSubkey } from "./keys.ts";
import type { Ledger, LedgerInput } from "./ledger.ts";
import { hintPath } from "./names.ts";
import { forgetKeys, planSegment } from "./plan.ts";
import { placeRow } from "./progress.ts";
import type { SegmentReader } from "./reader.ts";
import { errorOf, type Job, type JobOutcome, type RunExecutor } from "./runwriter.ts";
import { scanTarget } from "./scan.ts";
import type { Warmer } from "./warming.ts";

export interface CompactionInput extends LedgerInput {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly executor: RunExecutor;
}

export interface StoreParts {
  readonly books: Books;
  readonly ledger: Ledger;
  readonly flusher: Flusher;
  readonly reader: SegmentReader;
  readonly warmer: Warmer;
}

/** What the loop around a compaction decides. */
export interface Pace {
  /** Bytes copied by one step. */
  readonly stepBytes: number;
  readonly stopping: () => boolean;
  /** Waits so long that copying keeps its rate. */
  readonly throttle: (bytes: number) => Promise<void>;
  /** A victim could not be read: it is no victim any more. */
  readonly setAside: (victim: Segment, error: StrongroomError) => void;
}

export class Compaction {
  copiedBytes = 0;
  /** Bytes of the victims that are dealt with; 0 again once they have left the manifest. */
  readBytes = 0;
  private readonly input: CompactionInput;
  private readonly parts: StoreParts;
  private readonly pace: Pace;
  private output: Segment | null = null;
  private commits = 0;

  constructor(input: CompactionInput, parts: StoreParts, pace: Pace) {
    this.input = input;
    this.parts = parts;
    this.pace = pace;
  }

  /**
   * @returns `stopped` or `aside`: nothing has changed, except that a victim was set aside.
   * @throws STORE_DISK_FULL, Overtaken (nothing has changed), STORE_WRITE_FAILED.
   */
  async run(victims: readonly Segment[]): Promise<"done" | "stopped" | "aside"> {
    const sources: Source[] = [];
    for (const victim of victims) {
      try {
        const source = await this.source(victim);
        sources.push(source);
        const before = this.readBytes;
        if (await this.copySource(source)) {
          this.readBytes = before + victim.length;
          continue;
        }
      } catch (error) {
        await this.abandon();
        if (!isStrongroomError(error, ...asideCodes)) throw error;
        this.pace.setAside(victim, error as StrongroomError);
        return "aside";
      }
      await this.abandon();
      return "stopped";
    }
    await this.swap(sources);
    return "done";
  }

  /** @param key - Zeroed afterwards: an executor in another thread has worked on a copy. */
  private async job(job: Job, key?: Uint8Array): Promise<Extract<JobOutcome, { ok: true }>> {
    const outcome = await this.input.executor.run(job);
    key?.fill(0);
    if (!outcome.ok) throw errorOf(outcome);
    return outcome;
  }

  private async source(segment: Segment): Promise<Source> {
    const hint = await this.entriesOf(segment);
    return {
      segment,
      hint,
      fates: new Uint8Array(hint.records),
      copies: new Uint32Array(hint.records * 2),
      controlCopies: new Map(),
    };
  }

  /** By the segment's hint, or by reading it. Of a clear one only the latter proves the bodies. */
  private async entriesOf(segment: Segment): Promise<DecodedHint> {
    const { primitives, keys, directory } = this.input;
    const { number, keyId } = segment.header;
    const { length, lastMac, path } = segment;
    if (keyId !== 0 || segment.deadBytes >= segment.recordBytes) {
      const identity = { keyId, number, length, lastMac };
      const macKey = segmentMacKey(primitives, keys, segment.header);
      const hints = { path: hintPath(directory, number), segment: path };
      const job = { type: "hint", ...hints, identity, macKey } as const;
      const { hint } = await this.job(job, macKey);
      if (hint !== null) return asBuffers(hint);
    }
    const target = scanTarget(segment.header, path, { length, lastMac });
    const macKey = segmentMacKey(primitives, keys, segment.header);
    const { hint } = await this.job({ type: "inspect", target, macKey }, macKey);
    return asBuffers(hint as DecodedHint);
  }

  /** Copies what is live, step by step. @returns False if it was stopped. */
  private async copySource(source: Source): Promise<boolean> {
    const nowMs = () => Number(this.durableTs() >> 16n);
    const { index } = this.parts.books;
    const live = await judgeRecords(index, source, nowMs, this.input.scheduler);
    try {
      return await this.copyRecords(source, live);
    } finally {
      letGo(live);
    }
  }

  private async copyRecords(source: Source, live: Uint32Array): Promise<boolean> {
    const { hint, fates } = source;
    const rows: number[] = [];
    const copied: number[] = [];
    let bytes = 0;
    for (const record of live) {
      const at = record * hintEntryBytes;
      const length = hint.entries.readUInt32BE(at + hintLengthAt);
      const how = fates[record] === fateExpired ? copyExpired : copyWhole;
      rows.push(hint.entries.readUInt32BE(at + hintOffsetAt), length, how);
      copied.push(record);
      bytes += frameHeaderBytes + length;
      if (bytes < this.pace.stepBytes) continue;
      if (this.pace.stopping()) return false;
      await this.step(source, rows.splice(0), copied.splice(0), bytes);
      this.readBytes += bytes;
      bytes = 0;
    }
    this.addControls(source, rows, copied);
    if (rows.length > 0) await this.step(source, rows, copied, bytes);
    return !this.pace.stopping();
  }

  private durableTs(): bigint {
    return this.parts.flusher.durable.commitTs;
  }

  /** Rows for the live control records, numbered behind the other records. */
  private addControls(source: Source, rows: number[], copied: number[]): void {
    const { controls } = this.parts.books;
    for (const [place, { offset, length, body }] of source.hint.controls.entries()) {
      const slot = controls.find(readControl(body, 0, length));
      if (slot?.segment !== source.segment.header.number || slot.offset !== offset) continue;
      if (slot.record.deleted && slot.copies === 0) continue;
      rows.push(offset, length, copyControl);
      copied.push(source.hint.records + place);
    }
  }

  private async step(source: Source, rows: number[], copied: number[], bytes: number) {
    const output = this.output ?? (await this.begin());
    const { header, path } = source.segment;
    const { keys, place } = this.input;
    const clear = header.keyId === 0;
    const subkey = clear ? new Uint8Array(0) : segmentSubkey(keys, header);
    const { keyId, number } = header;
    const cold = this.parts.warmer.isCold(number);
    const job = {
      type: "copy",
      number: output.header.number,
      source: { path, number, keyId, subkey, cold, prefix: storagePrefix(place) },
      table: Uint32Array.from(rows),
      headers: headersOf(source, copied),
      commit: { ...emptyCommit, number: ++this.commits, commitTs: this.durableTs() },
    } as const;
    const outcome = await this.job(job, subkey);
    for (const [i, record] of copied.entries()) {
      const offset = outcome.places[i * placeRow] as number;
      const length = outcome.places[i * placeRow + 1] as number;
      const control = record - source.hint.records;
      if (control >= 0) source.controlCopies.set(control, { offset, length });
      else source.copies.set([offset, length], record * 2);
      output.records++;
      output.recordBytes += frameHeaderBytes + length;
    }
    this.parts.warmer.wrote(output, outcome.length);
    output.length = outcome.length;
    output.lastMac = Buffer.from(outcome.mac);
    this.copiedBytes += rows.length === 0 ? 0 : bytes;
    await this.pace.throttle(bytes);
  }

  /** The output's number is in the manifest before its file exists. */
  private async begin(): Promise<Segment> {
    const { ledger, flusher } = this.parts;
    const { executor, random } = this.input;
    let number = 0;
    try {
      await flusher.changeManifest(executor, () => {
        number = ledger.takeNumber();
        ledger.pending.add(number);
      });
    } catch (error) {
      // There is no file of this number, and never will be.
      ledger.pending.delete(number);
      throw error;
    }
    const chain = { number: 0, mac: Buffer.alloc(macBytes) };
    const { plan, segment } = planSegment(this.input, random, number, chain);
    this.output = segment;
    try {
      await this.job({ type: "begin", plan });
    } finally {
      forgetKeys(plan);
    }
    return segment;
  }

  /** Nothing refers to the output: its file goes with the next manifest. */
  private async abandon(): Promise<void> {
    if (this.output === null) return;
    const { number } = this.output.header;
    const { ledger, warmer } = this.parts;
    warmer.forget(number);
    await this.input.executor.run({ type: "abandon", number });
    ledger.pending.delete(number);
    ledger.retired.add(number);
    this.output = null;
  }

  private async swap(sources: readonly Source[]): Promise<void> {
    const { books, ledger, flusher } = this.parts;
    const { output } = this;
    const leave = (leaving: boolean) => {
      for (const { segment } of sources) {
        segment.leaving = leaving;
        if (leaving) ledger.retired.add(segment.header.number);
        else ledger.retired.delete(segment.header.number);
      }
    };
    try {
      if (output !== null) await this.job({ type: "close", number: output.header.number });
      await flusher.changeManifest(this.input.executor, () => {
        if (output !== null) {
          ledger.admit(output);
          output.closed = true;
          books.segments.set(output.header.number, output);
          ledger.pending.delete(output.header.number);
        }
        leave(true);
        this.readBytes = 0;
      });
    } catch (error) {
      leave(false);
      if (output !== null) books.segments.delete(output.header.number);
      await this.abandon();
      throw error;
    }
    for (const source of sources) {
      await follow(this.parts.books, source, output?.header.number ?? 0, this.input.scheduler);
      letGo(source.hint.entries);
      letGo(source.copies);
    }
    this.parts.books.forgetDropped();
    await this.removeFiles(sources);
  }

  private async removeFiles(sources: readonly Source[]): Promise<void> {
    const { books, reader, ledger, warmer } = this.parts;
    for (const { segment } of sources) {
      books.segments.delete(segment.header.number);
      reader.forget(segment.header.number);
      warmer.forget(segment.header.number);
    }
    await ledger.removeRetired(this.input.executor);
  }
}

/** The headers that the records have, one after the other; of control records nothing. */
function headersOf({ hint }: Source, records: readonly number[]): Uint8Array {
  const headers = new Uint8Array(records.length * recordHeaderBytes);
  for (const [n, record] of records.entries()) {
    const at = record * hintEntryBytes;
    const header = hint.entries.subarray(at, at + recordHeaderBytes);
    if (record < hint.records) headers.set(header, n * recordHeaderBytes);
  }
  return headers;
}
