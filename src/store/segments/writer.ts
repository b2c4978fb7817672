/**
 * Writes one segment: seals the frames of a run in place, checksums them, ends the run with a
 * commit and makes it durable by one sync. One segment has one writer for its whole life, which
 * alone counts its nonces; a segment is never opened for writing a second time.
 *
 * A run may be taken in parts while it is collected. The hazard is a half-written run. Only what
 * ends in a commit counts, the next run overwrites what a failed one left, and a run that met a
 * full disk is opened again in memory for another attempt.
 * @module
 */

import { letGo, putSafe64 } from "../../base/bytes.ts";
import type { Disk, DiskFile } from "../../base/ports.ts";
import {
  type CommitFields,
  commitBytes,
  commitMacAt,
  controlSequenceAt,
  kindControl,
  kindPut,
  physicalAt,
  recordHeaderBytes,
  recordTextAt,
  sealedPutOverhead,
  sequenceAt,
  writeCommit,
} from "../../entry/record.ts";
import { isDiskFull } from "../../files/batchfile.ts";
import {
  alignUp,
  blockBytes,
  fileSeed,
  frameHeaderBytes,
  writeFrameHeader,
} from "../../files/framing.ts";
import { type EnterMany, nativeEnterMany } from "../../platform/frames.ts";
import type { MacKey, Primitives } from "../../platform/primitives.ts";
import { RecordOpener, RecordSealer } from "../../sealed/record.ts";
import { RunDigest } from "./digest.ts";
import type { SegmentPlan } from "./header.ts";
import { encodeHint, type HintEntries } from "./hint.ts";
import { RunProgress } from "./progress.ts";
import { compressFrame, markCompressed, markPlain } from "./run.ts";

/** Written at once: the writes of the log, which clients wait for, queue behind each. */
const writeBytesMax = 512 * 1024;

/** Frames of a run in memory, from offset 0 to `end`. */
export interface RunImage {
  readonly buffer: Buffer;
  end: number;
  /** Sequence of the first record; null: the records have theirs. */
  readonly sequence: number | null;
  readonly compress: boolean;
}

export interface WrittenRun {
  /** Where each frame stands, as `RunProgress.places` tells. */
  readonly places: Uint32Array;
  readonly mac: Buffer;
  /** Bytes of the segment now. */
  readonly length: number;
}

export class SegmentWriter {
  readonly plan: SegmentPlan;
  /** Where the next run goes: a block boundary. Everything before is durable. */
  position = blockBytes;
  /** False: the file may be longer, now or after a crash, by what a failed run wrote. */
  private synced = true;
  private readonly disk: Disk;
  private readonly file: DiskFile;
  private readonly mac: MacKey;
  private readonly sealer: RecordSealer | null = null;
  private readonly opener: RecordOpener | null = null;
  private readonly digest = new RunDigest();
  /** What is to be its hint. */
  readonly hint: HintEntries;
  private readonly seed: number;
  /** Enters many frames; null: one by one. */
  private readonly enterMany: EnterMany | null;
  private readonly order = new Uint32Array(8);
  private lastMac: Buffer;
  private clearBuffer: Buffer | null = null;
  /** The run that was taken in part. */
  private progress: RunProgress | null = null;

  /**
   * Creates the file with its header, durably.
   * @param hint - Empty; the writer's own until it is disposed of.
   * @throws Node's errors.
   */
  constructor(
    disk: Disk,
    primitives: Primitives,
    plan: SegmentPlan,
    hint: HintEntries,
    enterMany: EnterMany | null = nativeEnterMany,
  ) {
    this.disk = disk;
    this.enterMany = enterMany;
    this.hint = hint;
    this.plan = { ...plan, subkey: new Uint8Array(0), macKey: new Uint8Array(0) };
    this.seed = fileSeed(plan.number);
    this.lastMac = Buffer.from(plan.chainMac);
    this.mac = primitives.mac(plan.macKey);
    if (plan.keyId !== 0) {
      this.sealer = new RecordSealer(primitives, plan.subkey, plan.prefix, plan, plan.sealsMax);
      this.opener = new RecordOpener(primitives, plan.subkey, plan.prefix, plan.keyId);
    }
    plan.subkey.fill(0);
    plan.macKey.fill(0);
    this.file = this.orDispose(() => disk.open(plan.path, { mode: "create", direct: true }));
    try {
      const block = disk.alignedBuffer(blockBytes);
      block.set(plan.header);
      this.file.write(block, 0);
      this.file.sync();
      disk.syncDirectory(plan.directory);
    } catch (error) {
      this.dispose();
      this.removeQuietly();
      throw error;
    }
  }

  private orDispose<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  private removeQuietly(): void {
    try {
      this.disk.unlink(this.plan.path);
    } catch {} // It holds a header only: the next start removes it.
  }

  /**
   * Takes the frames that a run has so far, seals them, and writes the blocks that they fill while
   * more is collected. Nothing of it counts before `write`.
   * @throws As `write`: the run is then given up here, whatever was taken of it before.
   */
  advance(image: RunImage): void {
    this.attempt(image, (progress) => this.take(progress, image.end));
  }

  /**
   * Seals and writes a run, or what `advance` has left of it, with its commit. On a full disk the
   * image is again as it was, at its new `end`.
   * @throws Node's errors; `isDiskFull` tells the one after which the same run may come again.
   */
  write(image: RunImage, commit: CommitFields): WrittenRun {
    return this.attempt(image, (progress) => {
      this.take(progress, image.end);
      const written = this.finish(progress, commit);
      if (this.sealer !== null) image.end = progress.at;
      this.progress = null;
      return written;
    });
  }

  private attempt<T>(image: RunImage, work: (progress: RunProgress) => T): T {
    this.progress ??= this.begin(image);
    const { progress } = this;
    try {
      return work(progress);
    } catch (error) {
      this.forget(progress);
      if (!isDiskFull(error)) throw error;
      this.cutQuietly();
      if (this.sealer === null) throw error;
      this.unseal(progress);
      image.end = progress.at;
      throw error;
    }
  }

  private begin(image: RunImage): RunProgress {
    const source = image.buffer;
    this.digest.begin(this.lastMac);
    if (this.sealer === null && (this.clearBuffer?.length ?? 0) < source.length)
      this.clearBuffer = this.disk.alignedBuffer(alignUp(source.length));
    const { sequence, compress } = image;
    const buffer = this.sealer === null ? (this.clearBuffer as Buffer) : source;
    return new RunProgress(source, buffer, sequence, compress, this.hint.mark());
  }

  /** Gives up what was taken of a run, if there is one. */
  drop(): void {
    if (this.progress === null) return;
    this.forget(this.progress);
    this.cutQuietly();
  }

  private forget(progress: RunProgress): void {
    this.progress = null;
    this.hint.reset(progress.mark);
  }

  private cutQuietly(): void {
    this.synced = false;
    try {
      this.file.truncate(this.position);
    } catch {} // Without a commit it does not count; the next run overwrites it.
  }

  /** Takes the frames up to `end`, and writes the blocks that are full. */
  private take(progress: RunProgress, end: number): void {
    const first = progress.at;
    if (this.sealer === null) this.takeClear(progress, end);
    else this.seal(progress, end, this.sealer);
    this.enter(progress, first);
    const full = progress.at - (progress.at % blockBytes);
    if (full > progress.written) this.writeTo(progress, full);
  }

  /** Compresses, numbers and seals frames; they move together where some became shorter. */
  private seal(progress: RunProgress, end: number, sealer: RecordSealer): void {
    const { buffer } = progress;
    let to = progress.at;
    for (let from = progress.taken; from < end; ) {
      const length = buffer.readUInt32BE(from);
      const next = from + frameHeaderBytes + length;
      if (to !== from) buffer.copyWithin(to, from, next);
      const kept = progress.compress ? compressFrame(buffer, to, length) : length;
      if (progress.sequence !== null)
        setSequence(buffer, to + frameHeaderBytes, progress.sequence++);
      if (buffer[to + frameHeaderBytes] === kindPut) {
        const compressed = buffer.readUInt32BE(to + 4) === markCompressed;
        sealer.add(buffer, to + frameHeaderBytes, kept - sealedPutOverhead, compressed);
      }
      to += frameHeaderBytes + kept;
      from = next;
    }
    progress.taken = end;
    progress.at = to;
    sealer.sealAll(buffer);
  }

  /** Opens all frames again: the next attempt seals them with fresh nonces. */
  private unseal({ buffer, at: end }: RunProgress): void {
    for (let at = 0; at < end; ) {
      const length = buffer.readUInt32BE(at);
      let mark = markPlain;
      if (buffer[at + frameHeaderBytes] === kindPut) {
        this.opener?.open(buffer, at + frameHeaderBytes, length);
        if (this.opener?.compressed === true) mark = markCompressed;
      }
      buffer.writeUInt32BE(mark, at + 4);
      at += frameHeaderBytes + length;
    }
  }

  /** Frames of a clear segment, in memory of our own: puts without an envelope. */
  private takeClear(progress: RunProgress, end: number): void {
    const { source, buffer } = progress;
    let to = progress.at;
    for (let from = progress.taken; from < end; ) {
      const length = source.readUInt32BE(from);
      const bodyAt = from + frameHeaderBytes;
      if (progress.sequence !== null) setSequence(source, bodyAt, progress.sequence++);
      const put = source[bodyAt] === kindPut;
      const kept = put ? length - sealedPutOverhead + recordHeaderBytes : length;
      const head = put ? recordHeaderBytes : length;
      buffer.writeUInt32BE(kept, to);
      source.copy(buffer, to + frameHeaderBytes, bodyAt, bodyAt + head);
      const textAt = bodyAt + recordTextAt;
      if (put) source.copy(buffer, to + frameHeaderBytes + head, textAt, textAt + kept - head);
      to += frameHeaderBytes + kept;
      from = bodyAt + length;
    }
    progress.taken = end;
    progress.at = to;
  }

  /** Checksums the frames from `first` on and enters them into digest, hint and places. */
  private enter(progress: RunProgress, first: number): void {
    for (let at = first; at < progress.at; ) {
      if (this.enterMany !== null) at = this.enterOrdinary(progress, at, this.enterMany);
      // It may be no ordinary one, or there is no room for more: that is made here.
      if (at < progress.at) at = this.enterOne(progress, at);
    }
  }

  private enterOrdinary(progress: RunProgress, from: number, many: EnterMany): number {
    const { digest, hint, order, seed, position } = this;
    const sealed = this.sealer === null ? 0 : 1;
    order.set([from, progress.at, seed, position, sealed, digest.at, hint.used, progress.used]);
    const frames = many(progress.buffer, digest.scratch, hint.entries, progress.words, order);
    digest.added(order[5] as number, frames);
    hint.added(order[6] as number, frames);
    progress.used = order[7] as number;
    return order[0] as number;
  }

  /** @returns the end of the frame at `at`. */
  private enterOne(progress: RunProgress, at: number): number {
    const { buffer } = progress;
    const length = buffer.readUInt32BE(at);
    const offset = this.position + at;
    const bodyAt = at + frameHeaderBytes;
    writeFrameHeader(buffer, at, length, this.seed, offset, this.position);
    this.digest.add(buffer, at, length, this.sealer !== null);
    this.hint.add(buffer, bodyAt, length, offset);
    const keyed = buffer[bodyAt] !== kindControl;
    progress.place(offset, length, keyed ? buffer.readUInt32BE(bodyAt + physicalAt) : 0);
    return bodyAt + length;
  }

  /** Commits, writes the rest, syncs. */
  private finish(progress: RunProgress, commit: CommitFields): WrittenRun {
    const { buffer } = progress;
    const mac = this.commit(buffer, progress.at, commit);
    const used = progress.at + frameHeaderBytes + commitBytes;
    const whole = alignUp(used);
    buffer.fill(0, used, whole);
    this.writeTo(progress, whole);
    this.file.sync();
    this.synced = true;
    this.position += whole;
    this.lastMac = mac;
    return { places: progress.places(), mac, length: this.position };
  }

  /** Writes the blocks of the run up to `end`. */
  private writeTo(progress: RunProgress, end: number): void {
    const { buffer } = progress;
    for (let at = progress.written; at < end; at = progress.written) {
      const next = Math.min(at + writeBytesMax, end);
      this.synced = false;
      this.file.write(buffer.subarray(at, next), this.position + at);
      progress.written = next;
    }
  }

  private commit(buffer: Buffer, at: number, commit: CommitFields): Buffer {
    const bodyAt = at + frameHeaderBytes;
    writeCommit(buffer, bodyAt, commit, this.digest.frames);
    this.digest.finish(this.mac, buffer, bodyAt, buffer, bodyAt + commitMacAt);
    const position = this.position + at;
    writeFrameHeader(buffer, at, commitBytes, this.seed, position, this.position);
    return Buffer.from(buffer.subarray(bodyAt + commitMacAt, bodyAt + commitBytes));
  }

  /** Takes away, durably, what failed runs have left: the manifest will tell the length. */
  private cut(): void {
    if (this.synced && this.file.size() === this.position) return;
    // Also where it was cut: a sync that failed since may have lost that.
    this.file.truncate(this.position);
    this.file.sync();
    this.synced = true;
  }

  /**
   * Writes the hint durably and lets the file go. Nothing is written to the segment any more.
   * @throws Node's errors; on a full disk the segment is as open as it was.
   */
  close(): void {
    this.cut();
    const { keyId, number, hintPath } = this.plan;
    const identity = { keyId, number, length: this.position, lastMac: this.lastMac };
    try {
      const encoded = encodeHint(identity, this.hint, this.mac);
      this.disk.replaceFile(hintPath, encoded);
      letGo(encoded);
    } catch (error) {
      // A start reads the segment where there is no hint.
      if (!isDiskFull(error)) throw error;
    } finally {
      this.dispose();
    }
  }

  /** Forgets keys and descriptor. */
  dispose(): void {
    this.file?.close();
    this.digest.dispose();
    this.mac.dispose();
    this.sealer?.dispose();
    this.opener?.dispose();
  }
}

function setSequence(buffer: Buffer, bodyAt: number, sequence: number): void {
  const at = buffer[bodyAt] === kindControl ? controlSequenceAt : sequenceAt;
  putSafe64(buffer, sequence, bodyAt + at);
}
