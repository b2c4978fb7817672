/**
 * Reads single records: one pread into memory that is used again, then opened in place under the
 * segment's subkey. Files and contexts stay open, the least recently opened go first.
 *
 * The hazard is a wrong value: the frame must say its length, the record must be a put of the key
 * asked for, and it must authenticate (in a clear segment: match its checksum).
 * @module
 */
import { getSafe64, getU32, letGo, sameBytes } from "../../base/bytes.ts";
import { shareDescriptors } from "../../base/descriptors.ts";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import {
  commitTsAt,
  expireAtAt,
  keyspaceAt,
  kindPut,
  physicalAt,
  physicalBytes,
  recordHeaderBytes,
  rootAt,
  sequenceAt,
} from "../../entry/record.ts";
import { fileSeed, frameHeaderBytes, frameIsWhole } from "../../files/framing.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { decompressText } from "../../sealed/compress.ts";
import { RecordOpener } from "../../sealed/record.ts";
import type { OpenedRecord, StorageKeys } from "../store.ts";
import type { Segment } from "./books.ts";
import { segmentSubkey } from "./keys.ts";
import { type OpenSegment, ReadAhead } from "./readahead.ts";
import type { Warmer } from "./warming.ts";

const scratchBytes = 64 * 1024;
/** A larger buffer is let go soon after its read. */
const keptBytesMax = 1024 * 1024;
/** A body never unpacks to more: 512 MiB of value, its name and header. */
const unpackedBytesMax = 1024 * 1024 * 1024;

class Opened implements OpenedRecord {
  body: Buffer = Buffer.alloc(0);
  bodyStart = 0;
  bodyEnd = 0;
  expireAt = 0;
  sequence = 0;
  keyspace = 0;
  root = false;
  header: Buffer = Buffer.alloc(0);
  bodyAt = 0;

  /** A bigint, so only made for who asks. */
  get commitTs(): bigint {
    return this.header.readBigUInt64BE(this.bodyAt + commitTsAt);
  }
}

export class SegmentReader {
  /** Records opened, and those that could not be, by code. */
  readonly figures = { opened: 0, failures: new Map<string, number>() };
  private readonly open = new Map<number, OpenSegment>();
  private readonly openMax: number;
  private readonly opened = new Opened();
  private readonly ahead: ReadAhead;
  private scratch = Buffer.allocUnsafeSlow(scratchBytes);
  private readonly disk: Disk;
  private readonly primitives: Primitives;
  private readonly keys: StorageKeys;
  private readonly prefix: Uint8Array;
  private readonly warmer: Warmer;

  constructor(
    disk: Disk,
    primitives: Primitives,
    keys: StorageKeys,
    prefix: Uint8Array,
    warmer: Warmer,
  ) {
    this.warmer = warmer;
    this.disk = disk;
    this.openMax = shareDescriptors(disk.descriptorsMax).segments;
    this.primitives = primitives;
    this.keys = keys;
    this.prefix = prefix;
    this.ahead = new ReadAhead(disk, primitives);
  }

  private use(segment: Segment): OpenSegment {
    const { header, path } = segment;
    const known = this.open.get(header.number);
    if (known !== undefined) return known;
    if (this.open.size >= this.openMax) this.forget(this.open.keys().next().value as number);
    let opener: RecordOpener | null = null;
    if (header.keyId !== 0) {
      const subkey = segmentSubkey(this.keys, header);
      opener = new RecordOpener(this.primitives, subkey, this.prefix, header.keyId);
      subkey.fill(0);
    }
    try {
      const file = this.disk.open(path, { mode: "read" });
      const { number } = header;
      const entry = { number, file, opener, seed: fileSeed(number) };
      this.open.set(number, entry);
      return entry;
    } catch (error) {
      opener?.dispose();
      throw error;
    }
  }

  /** Closes a segment's file and drops its key. */
  forget(number: number): void {
    const entry = this.open.get(number);
    if (entry === undefined) return;
    this.open.delete(number);
    this.ahead.begin();
    entry.opener?.dispose();
    entry.file.close();
  }

  close(): void {
    for (const number of [...this.open.keys()]) this.forget(number);
    this.ahead.clear();
    this.scratch.fill(0);
  }

  /** To be called now and then: what was read last is no longer used. */
  rest(): void {
    if (this.scratch.length <= keptBytesMax && this.opened.body.length <= keptBytesMax) return;
    // Else it is the scratch, or memory of records that were foreseen.
    if (this.opened.body.length > keptBytesMax) letGo(this.opened.body);
    letGo(this.scratch);
    this.opened.body = this.scratch = Buffer.allocUnsafeSlow(scratchBytes);
  }

  /** Begins to foresee records: at most `aheadMax`. What was foreseen before is forgotten. */
  beginAhead(): void {
    this.ahead.begin();
  }

  /** Adds a record that will be asked for soon. Never throws. */
  expect(segment: Segment, offset: number, length: number): void {
    this.warmer.met(segment.header.number, offset);
    try {
      this.ahead.add(this.use(segment), offset, length);
    } catch {
      // The file or the key: who asks for the record is told.
    }
  }

  /** Reads and opens what is expected. */
  readAhead(): void {
    this.figures.opened += this.ahead.run();
    for (let n = 0; n < this.ahead.count; n++) {
      const number = this.ahead.waitedFor(n);
      if (number >= 0) this.warmer.missed(number);
    }
  }

  /**
   * The put at this place. What it returns, and its memory, is overwritten by the next read.
   * @throws STORE_RECORD_DAMAGED, STORE_READ_FAILED, or what the keys throw.
   */
  read(
    segment: Segment,
    offset: number,
    length: number,
    physical: Uint8Array,
    keyAt: number,
  ): OpenedRecord {
    try {
      return this.readRecord(segment, offset, length, physical, keyAt);
    } catch (cause) {
      const path = `${segment.path} at offset ${offset}`;
      this.failed(cause);
      if (isStrongroomError(cause, "STORE_RECORD_DAMAGED", "CRYPTO_KEY_UNKNOWN")) throw cause;
      const ours = isStrongroomError(cause);
      const code = ours ? "STORE_RECORD_DAMAGED" : "STORE_READ_FAILED";
      throw new StrongroomError(code, path, { cause });
    }
  }

  private failed(cause: unknown): void {
    const { failures } = this.figures;
    const code = cause instanceof StrongroomError ? cause.code : "STORE_READ_FAILED";
    failures.set(code, (failures.get(code) ?? 0) + 1);
  }

  private readRecord(
    segment: Segment,
    offset: number,
    length: number,
    physical: Uint8Array,
    keyAt: number,
  ): OpenedRecord {
    const known = this.ahead.find(segment.header.number, offset, length);
    if (known >= 0) return this.foreseen(segment, offset, known, physical, keyAt);
    this.warmer.met(segment.header.number, offset);
    const entry = this.use(segment);
    const bytes = frameHeaderBytes + length;
    const scratch = this.memory(bytes);
    const frame = scratch.subarray(0, bytes);
    if (!entry.file.readCached(frame, offset)) {
      this.warmer.missed(segment.header.number);
      if (entry.file.read(frame, offset) !== bytes) throw damaged(segment, offset);
    }
    if (scratch.readUInt32BE(0) !== length) throw damaged(segment, offset);
    const at = frameHeaderBytes;
    if (scratch[at] !== kindPut || length < recordHeaderBytes) throw damaged(segment, offset);
    if (!isOf(scratch, at, physical, keyAt)) throw damaged(segment, offset);
    if (entry.opener === null) {
      if (!frameIsWhole(scratch, 0, length, entry.seed, offset)) throw damaged(segment, offset);
      return this.filled(scratch, at, at + recordHeaderBytes, at + length, false);
    }
    entry.opener.open(scratch, at, length);
    this.figures.opened++;
    const { bodyStart, bodyEnd, compressed } = entry.opener;
    return this.filled(scratch, at, bodyStart, bodyEnd, compressed);
  }

  private foreseen(
    segment: Segment,
    offset: number,
    n: number,
    physical: Uint8Array,
    keyAt: number,
  ): OpenedRecord {
    const { memory, bodyStart, bodyEnd, compressed } = this.ahead;
    const at = this.ahead.at[n] as number;
    if (!isOf(memory, at, physical, keyAt)) throw damaged(segment, offset);
    const [start, end] = [bodyStart[n] as number, bodyEnd[n] as number];
    return this.filled(memory, at, start, end, compressed[n] === 1);
  }

  private memory(bytes: number): Buffer {
    if (bytes <= this.scratch.length && this.scratch.length <= keptBytesMax) return this.scratch;
    const wanted = Math.max(bytes, scratchBytes);
    if (bytes > this.scratch.length || wanted < this.scratch.length) {
      letGo(this.scratch);
      this.scratch = Buffer.allocUnsafeSlow(wanted);
    }
    return this.scratch;
  }

  private filled(
    buffer: Buffer,
    at: number,
    start: number,
    end: number,
    compressed: boolean,
  ): OpenedRecord {
    const { opened } = this;
    opened.header = buffer;
    opened.bodyAt = at;
    opened.expireAt = getSafe64(buffer, at + expireAtAt);
    opened.sequence = getSafe64(buffer, at + sequenceAt);
    opened.keyspace = getU32(buffer, at + keyspaceAt);
    opened.root = buffer[at + rootAt] === 1;
    opened.body = compressed
      ? decompressText(buffer.subarray(start, end), unpackedBytesMax)
      : buffer;
    opened.bodyStart = compressed ? 0 : start;
    opened.bodyEnd = compressed ? opened.body.length : end;
    return opened;
  }
}

/** Whether the record at `at` has this physical key. */
function isOf(buffer: Buffer, at: number, physical: Uint8Array, keyAt: number): boolean {
  return sameBytes(buffer, at + physicalAt, physical, keyAt, physicalBytes);
}

function damaged(segment: Segment, offset: number): StrongroomError {
  return new StrongroomError("STORE_RECORD_DAMAGED", `${segment.path} at offset ${offset}`);
}
