// Permanent format of the body of opcode 0x01: change it only by adding an opcode.
//
//   hlc        u64   48 bits of milliseconds, 16 bits of logical count
//   count      u32   commands
//   command    code u16 | database u8 | argc u32 | argc × (length u32 | bytes)
//   code 1     a transaction: database u8 (unused, 0) | watched u32 | watched × (database u8 |
//              index u64 | ordinal u32, 2^32-1 = absent when the log stood at index | length u32 |
//              key) | count u32 | commands
//   code 2     expired keys: argc keys, each deleted if its expiry is at or before the time
//
/**
 * Command batches. Encoding appends to one growing buffer, so that a batch is sealed and written
 * without another copy; decoding walks the buffer and makes no objects per command.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";

export const transactionCode = 1;
export const expireCode = 2;
/** First code of the commands of src/commands. */
export const commandCodeMin = 0x100;

/** Bytes of hlc and count. */
export const batchHeaderBytes = 12;

/** A position in a batch that is being read. Counts are checked against what is left. */
export class BatchReader {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;
  /** Milliseconds of the batch's timestamp. */
  hlcMs = 0;
  hlcLogical = 0;
  count = 0;
  /** Of the command read last. */
  code = 0;
  database = 0;
  argc = 0;
  starts: number[] = [];
  ends: number[] = [];

  begin(buffer: Buffer, at: number, end: number): void {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
    this.need(batchHeaderBytes);
    this.hlcMs = buffer.readUIntBE(at, 6);
    this.hlcLogical = buffer.readUInt16BE(at + 6);
    this.count = buffer.readUInt32BE(at + 8);
    this.at = at + batchHeaderBytes;
  }

  need(bytes: number): void {
    if (this.end - this.at < bytes)
      throw new StrongroomError("FORMAT_TRUNCATED", "a command batch ends early");
  }

  u8(): number {
    this.need(1);
    return this.buffer[this.at++] as number;
  }

  u32(): number {
    this.need(4);
    const { buffer, at } = this;
    this.at = at + 4;
    return length32(buffer, at) >>> 0;
  }

  safe64(): number {
    const high = this.u32();
    if (high > 0x1fffff) throw new StrongroomError("FORMAT_RANGE", "integer above 2^53");
    return high * 0x1_0000_0000 + this.u32();
  }

  /** The code of the command that comes next, without moving on; 0 at the end. */
  get nextCode(): number {
    const { buffer, at } = this;
    if (this.end - at < 2) return 0;
    return ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
  }

  /** Reads code and database; the caller goes on according to the code. */
  command(): void {
    this.need(3);
    this.code = ((this.buffer[this.at] as number) << 8) | (this.buffer[this.at + 1] as number);
    this.database = this.buffer[this.at + 2] as number;
    this.at += 3;
    if (this.database > 15) throw new StrongroomError("FORMAT_RANGE", "a database above 15");
  }

  /** Reads the arguments of an ordinary command into starts and ends. */
  arguments(): void {
    const argc = this.u32();
    if (argc * 4 > this.end - this.at)
      throw new StrongroomError("FORMAT_TRUNCATED", "a command batch ends early");
    this.argc = argc;
    for (let n = 0; n < argc; n++) {
      const length = this.u32();
      this.need(length);
      this.starts[n] = this.at;
      this.at += length;
      this.ends[n] = this.at;
    }
  }

  /**
   * Where the first arguments of the next ordinary commands stand, without moving on: up to
   * `starts.length`, fewer before a transaction or an end. @returns how many.
   */
  keysAhead(starts: Int32Array, ends: Int32Array, databases: Int32Array): number {
    const { buffer, end } = this;
    let at = this.at;
    let found = 0;
    while (found < starts.length && end - at >= 7) {
      const code = ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
      if (code < commandCodeMin) break;
      databases[found] = buffer[at + 2] as number;
      let left = length32(buffer, at + 3);
      at += 7;
      for (let first = true; left > 0 && end - at >= 4; left--, first = false) {
        const length = length32(buffer, at);
        at += 4;
        if (length < 0 || length > end - at) return found;
        if (first) {
          starts[found] = at;
          ends[found++] = at + length;
        }
        at += length;
      }
      if (left !== 0) break;
    }
    return found;
  }

  /** Steps over any command, whatever its code; of an ordinary one the arguments are read. */
  anyCommand(): void {
    this.command();
    if (this.code !== transactionCode) {
      this.arguments();
      return;
    }
    for (let watches = this.u32(); watches > 0; watches--) {
      this.u8();
      this.safe64();
      this.u32();
      this.bytes();
    }
    for (let commands = this.u32(); commands > 0; commands--) {
      this.command();
      this.arguments();
    }
  }

  /** Steps over a counted byte string and returns a view of it. */
  bytes(): Buffer {
    const length = this.u32();
    this.need(length);
    const at = this.at;
    this.at += length;
    return this.buffer.subarray(at, this.at);
  }

  finish(): void {
    if (this.at !== this.end)
      throw new StrongroomError("FORMAT_TRAILING", "a command batch goes on after its end");
  }
}

/** Below 0 for a length of 2^31 and more. */
function length32(buffer: Buffer, at: number): number {
  return (
    ((buffer[at] as number) << 24) |
    ((buffer[at + 1] as number) << 16) |
    ((buffer[at + 2] as number) << 8) |
    (buffer[at + 3] as number)
  );
}

/** The ordinal of a watched key that did not exist; its index is then the log's at that time. */
export const absentOrdinal = 0xffff_ffff;

/** A condition of EXEC: the key was last changed there, or was absent and was not made since. */
export interface Watch {
  readonly database: number;
  readonly key: Buffer;
  readonly index: number;
  readonly ordinal: number;
}

/** Encodes commands behind `headroom` bytes that belong to the entry's header and envelope. */
export class BatchWriter {
  buffer: Buffer;
  readonly headroom: number;
  readonly tailroom: number;
  at: number;
  count = 0;

  constructor(buffer: Buffer, headroom: number, tailroom: number) {
    this.buffer = buffer;
    this.headroom = headroom;
    this.tailroom = tailroom;
    this.at = headroom + batchHeaderBytes;
    assert(buffer.length >= this.at + tailroom);
  }

  /** True if `bytes` more fit without another buffer. */
  fits(bytes: number): boolean {
    return this.at + bytes + this.tailroom <= this.buffer.length;
  }

  /** Gives the writer a larger buffer with the same contents. */
  moveTo(buffer: Buffer): void {
    this.buffer.copy(buffer, 0, 0, this.at);
    this.buffer = buffer;
  }

  u32(value: number): void {
    const { buffer, at } = this;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    this.at = at + 4;
  }

  safe64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  head(code: number, database: number): void {
    const { buffer, at } = this;
    buffer[at] = code >>> 8;
    buffer[at + 1] = code;
    buffer[at + 2] = database;
    this.at = at + 3;
  }

  argument(source: Buffer, start: number, end: number): void {
    this.u32(end - start);
    this.raw(source, start, end);
  }

  raw(source: Buffer, start: number, end: number): void {
    const { buffer, at } = this;
    if (end - start <= 24)
      for (let from = start, to = at; from < end; from++, to++) buffer[to] = source[from] as number;
    else source.copy(buffer, at, start, end);
    this.at = at + (end - start);
  }

  /** Fills in the header. The timestamp is drawn as late as this. */
  seal(hlcMs: number, hlcLogical: number): void {
    this.buffer.writeUIntBE(hlcMs, this.headroom, 6);
    this.buffer.writeUInt16BE(hlcLogical, this.headroom + 6);
    this.buffer.writeUInt32BE(this.count, this.headroom + 8);
  }
}
