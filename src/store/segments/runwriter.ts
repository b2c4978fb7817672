/**
 * Everything that the store writes while it runs, as jobs: synchronous, on plain memory and files,
 * so that a worker thread can host it. It meets keys of single segments only, never a DEK.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { type ErrorCode, StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import type { CommitFields } from "../../entry/record.ts";
import { isDiskFull } from "../../files/batchfile.ts";
import { alignUp } from "../../files/framing.ts";
import type { MacKey, Primitives } from "../../platform/primitives.ts";
import { isSystemError } from "../../platform/unusable.ts";
import { CopyReader, type CopySource } from "./copy.ts";
import { reading } from "./damage.ts";
import type { SegmentPlan } from "./header.ts";
import { collected, type DecodedHint, decodeHint, HintEntries, type HintIdentity } from "./hint.ts";
import { type ScanTarget, scanSegment } from "./scan.ts";
import { SegmentWriter } from "./writer.ts";

/** A piece of work. Structured-clonable; memory of runs is shared, not copied. */
export type Job =
  /** Creates a segment and becomes its writer. */
  | { readonly type: "begin"; readonly plan: SegmentPlan }
  /** Seals and writes the frames of a run up to `end`, while more of it is collected. */
  | {
      readonly type: "part";
      readonly number: number;
      readonly memory: Uint8Array;
      readonly end: number;
      readonly sequence: number;
      readonly compress: boolean;
    }
  /** Gives up what was taken of a run. */
  | { readonly type: "drop"; readonly number: number }
  /** The same as `part` to the end of the run, with its commit. */
  | {
      readonly type: "run";
      readonly number: number;
      readonly memory: Uint8Array;
      readonly end: number;
      readonly sequence: number;
      readonly compress: boolean;
      readonly commit: CommitFields;
    }
  /** Writes the hint and stops being the writer of the segment. */
  | { readonly type: "close"; readonly number: number }
  /** Stops being the writer; the file stays until it is removed. */
  | { readonly type: "abandon"; readonly number: number }
  /** Reads a range of a file, so that the kernel's cache holds it. */
  | {
      readonly type: "warm";
      readonly path: string;
      readonly from: number;
      readonly to: number;
    }
  /** Replaces a file atomically and durably. */
  | { readonly type: "replace"; readonly path: string; readonly data: Uint8Array }
  | { readonly type: "remove"; readonly directory: string; readonly paths: readonly string[] }
  /** Reads a closed segment's hint; without entries if that is missing, damaged or unreadable. */
  | {
      readonly type: "hint";
      readonly path: string;
      /** The segment's file. */
      readonly segment: string;
      readonly identity: HintIdentity;
      readonly macKey: Uint8Array;
    }
  /** Proves a closed segment's frames and chain of commits. */
  | {
      readonly type: "inspect";
      readonly target: ScanTarget;
      readonly macKey: Uint8Array;
    }
  /** Appends the records in `table` (see copy.ts) of another segment as one run. */
  | {
      readonly type: "copy";
      readonly number: number;
      readonly source: CopySource;
      readonly table: Uint32Array;
      readonly headers: Uint8Array;
      readonly commit: CommitFields;
    };

export type JobOutcome =
  | {
      readonly ok: true;
      /** Where each frame stands, as `RunProgress.places` tells. */
      readonly places: Uint32Array;
      /** MAC of the commit. */
      readonly mac: Uint8Array;
      /** Bytes of the segment. */
      readonly length: number;
      /** Where the frames end in the run's memory: compression makes it shorter. */
      readonly end: number;
      /** Of `inspect` and `hint`; null: there is no such hint. */
      readonly hint: DecodedHint | null;
    }
  | {
      readonly ok: false;
      /** The disk is full: the job may come again, a run with its new `end`. */
      readonly full: boolean;
      readonly code: ErrorCode | null;
      readonly detail: string;
      readonly end: number;
    };

/** Runs jobs one after the other, in the order of the calls. */
export interface RunExecutor {
  run(job: Job): Promise<JobOutcome>;
  close(): Promise<void>;
}

const nothing = new Uint8Array(0);
const noPlaces = new Uint32Array(0);
const done = {
  ok: true as const,
  places: noPlaces,
  mac: nothing,
  length: 0,
  end: 0,
  hint: null,
};

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/** An image of copied records that is kept for the next. */
const copyBytesKept = 16 * 1024 * 1024;

export class RunWriter {
  private readonly disk: Disk;
  private readonly primitives: Primitives;
  private readonly writers = new Map<number, SegmentWriter>();
  /** A segment follows another: what collects the hint of one serves the next. */
  private spare: HintEntries | null = null;
  /** Serves every copy: shared memory that is given up waits for the garbage collector. */
  private copyImage: Buffer | null = null;
  private copyReader: CopyReader | null = null;

  constructor(disk: Disk, primitives: Primitives) {
    this.disk = disk;
    this.primitives = primitives;
  }

  /** Never throws for what the world can break: the outcome tells. */
  execute(job: Job): JobOutcome {
    const image = { end: job.type === "run" || job.type === "part" ? job.end : 0 };
    try {
      return this.perform(job, image);
    } catch (error) {
      const ours = error instanceof StrongroomError;
      return {
        ok: false,
        full: isDiskFull(error),
        code: ours ? error.code : null,
        detail: error instanceof Error ? error.message : String(error),
        end: image.end,
      };
    }
  }

  private perform(job: Job, outer: { end: number }): JobOutcome {
    switch (job.type) {
      case "begin":
        return this.begin(job.plan);
      case "part":
      case "run":
        return this.run(job, outer);
      case "drop":
        this.writers.get(job.number)?.drop();
        return done;
      case "copy":
        return this.copy(job);
      case "close":
        return this.close(job.number);
      case "abandon":
        return this.abandon(job.number);
      case "warm":
        return this.warm(job.path, job.from, job.to);
      case "replace":
        this.disk.replaceFile(job.path, job.data);
        return done;
      case "remove":
        return this.remove(job.directory, job.paths);
      case "hint":
        return this.hint(job.path, job.segment, job.identity, job.macKey);
      case "inspect":
        return this.inspect(job.target, job.macKey);
    }
  }

  private begin(plan: SegmentPlan): JobOutcome {
    const hint = this.spare ?? new HintEntries();
    this.writers.set(plan.number, new SegmentWriter(this.disk, this.primitives, plan, hint));
    this.spare = null;
    return done;
  }

  private writer(number: number): SegmentWriter {
    const writer = this.writers.get(number);
    assert(writer !== undefined, "no writer of that segment");
    return writer;
  }

  private run(job: Extract<Job, { type: "run" | "part" }>, outer: { end: number }): JobOutcome {
    const { end, sequence, compress } = job;
    const image = { buffer: asBuffer(job.memory), end, sequence, compress };
    const writer = this.writer(job.number);
    try {
      if (job.type === "run")
        return { ...done, ...writer.write(image, job.commit), end: image.end };
      writer.advance(image);
      return done;
    } finally {
      outer.end = image.end;
    }
  }

  private copy(job: Extract<Job, { type: "copy" }>): JobOutcome {
    const writer = this.writer(job.number);
    const bytes = alignUp(CopyReader.imageBytes(job.table));
    const buffer = this.copyMemory(bytes);
    try {
      const end = reading(job.source.path, () =>
        this.sourceOf(job.source).copy(job.table, job.headers, buffer),
      );
      const image = { buffer, end, sequence: null, compress: false };
      return { ...done, ...writer.write(image, job.commit), end };
    } finally {
      if (bytes > copyBytesKept) this.disk.giveBack(buffer);
    }
  }

  /** A larger image is of one large record: it has memory of its own. */
  private copyMemory(bytes: number): Buffer {
    if (bytes > copyBytesKept) return this.disk.alignedBuffer(bytes);
    if (this.copyImage === null || this.copyImage.length < bytes) {
      if (this.copyImage !== null) this.disk.giveBack(this.copyImage);
      this.copyImage = this.disk.alignedBuffer(bytes);
    }
    return this.copyImage;
  }

  private sourceOf(source: CopySource): CopyReader {
    if (this.copyReader?.source.number === source.number) {
      source.subkey.fill(0);
      return this.copyReader;
    }
    this.copyReader?.close();
    this.copyReader = null;
    this.copyReader = new CopyReader(this.disk, this.primitives, source);
    return this.copyReader;
  }

  private close(number: number): JobOutcome {
    const writer = this.writer(number);
    writer.close();
    this.writers.delete(number);
    this.spare = writer.hint.clear();
    this.endCopy();
    return { ...done, length: writer.position };
  }

  private endCopy(): void {
    this.copyReader?.close();
    this.copyReader = null;
  }

  private abandon(number: number): JobOutcome {
    this.endCopy();
    const writer = this.writers.get(number);
    if (writer === undefined) return done;
    this.writers.delete(number);
    writer.dispose();
    return done;
  }

  private warm(path: string, from: number, to: number): JobOutcome {
    const file = this.disk.open(path, { mode: "read" });
    try {
      file.warm(from, to - from);
    } finally {
      file.close();
    }
    return done;
  }

  private remove(directory: string, paths: readonly string[]): JobOutcome {
    for (const path of paths) if (this.disk.status(path) !== null) this.disk.unlink(path);
    this.disk.syncDirectory(directory);
    return done;
  }

  private inspect(target: ScanTarget, macKey: Uint8Array): JobOutcome {
    return this.withMac(macKey, (mac) => {
      const { closed, chainMac } = target;
      const own = {
        ...target,
        chainMac: asBuffer(chainMac),
        closed: closed && { length: closed.length, lastMac: asBuffer(closed.lastMac) },
      };
      const { entries } = reading(target.path, () => scanSegment(this.disk, own, mac));
      return { ...done, hint: collected(entries) };
    });
  }

  private hint(
    path: string,
    segment: string,
    identity: HintIdentity,
    macKey: Uint8Array,
  ): JobOutcome {
    return this.withMac(macKey, (mac) => {
      const own = { ...identity, lastMac: asBuffer(identity.lastMac) };
      try {
        return { ...done, hint: this.readHint(path, segment, own, mac) };
      } catch (error) {
        if (!isSystemError(error)) throw error;
        // Reading the segment, which comes next, shows whether anything is wrong with it.
        return done;
      }
    });
  }

  private readHint(
    path: string,
    segment: string,
    identity: HintIdentity,
    mac: MacKey,
  ): DecodedHint | null {
    if (this.disk.status(path) === null) return null;
    const data = this.disk.readFile(path);
    const file = this.disk.open(segment, { mode: "read" });
    try {
      return decodeHint(identity, data, mac, file);
    } finally {
      file.close();
    }
  }

  private withMac(macKey: Uint8Array, use: (mac: MacKey) => JobOutcome): JobOutcome {
    const mac = this.primitives.mac(macKey);
    macKey.fill(0);
    try {
      return use(mac);
    } finally {
      mac.dispose();
    }
  }

  /** Lets every file and key go; segments that are open stay as they are. */
  dispose(): void {
    this.endCopy();
    for (const writer of this.writers.values()) writer.dispose();
    this.writers.clear();
  }
}

/** Runs the jobs on the caller's own thread. */
export class InlineExecutor implements RunExecutor {
  private readonly writer: RunWriter;

  constructor(disk: Disk, primitives: Primitives) {
    this.writer = new RunWriter(disk, primitives);
  }

  async run(job: Job): Promise<JobOutcome> {
    return this.writer.execute(job);
  }

  async close(): Promise<void> {
    this.writer.dispose();
  }
}

/** Turns a failed outcome into the error that the store throws. */
export function errorOf(outcome: Extract<JobOutcome, { ok: false }>): StrongroomError {
  if (outcome.full) return new StrongroomError("STORE_DISK_FULL");
  if (outcome.code !== null)
    return new StrongroomError(outcome.code, outcome.detail.replace(`[${outcome.code}] `, ""));
  return new StrongroomError("STORE_WRITE_FAILED", outcome.detail);
}
