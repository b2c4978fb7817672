/**
 * Reads commands from received bytes: RESP arrays of bulk strings and inline commands. Hazards it
 * guards: a length is a claim and takes no memory (memory grows by what was received); a command
 * that arrives in many pieces is looked at once (a position is kept, nothing is scanned again);
 * nothing is allocated per command. Texts of errors are those of Redis 7.0 (networking.c,
 * processMultibulkBuffer and processInlineBuffer); after one the connection is to be closed.
 *
 * Commands are parsed in place in the chunk that was fed. Only a command that the chunk does not
 * finish is copied out, into `held`, which therefore holds one partial command at most.
 * @module
 */
import { letGo } from "../base/bytes.ts";
import { splitInline } from "./inline.ts";
import {
  defaultRespLimits,
  type RespLimits,
  unauthenticatedArgumentsMax,
  unauthenticatedBulkBytesMax,
} from "./limits.ts";

const nothing = Buffer.alloc(0);
/** Bytes taken over at a time while the length of what is missing is not known. */
const stepBytes = 4096;
/** A larger holding buffer is given back once its command is done. */
const heldBytesKept = 16 * 1024;
/** Longer offset arrays are given back once their command is done. */
const offsetsKept = 4096;

const CR = 13;
const LF = 10;
const more = 0;
const complete = 1;
const empty = 2;
const broken = 3;

export class RespParser {
  /** Number of arguments of the current command, its name included. */
  argc = 0;
  /** Where the current command's arguments are; valid until the next call of next() or feed(). */
  buffer: Buffer = nothing;
  /** Argument i is `buffer[starts[i], ends[i])`. */
  starts: number[] = [];
  ends: number[] = [];
  /** The whole error text once the stream is broken: answer it and close. Stays set. */
  error: string | null = null;
  /** False while the client owes a password: tighter limits hold. */
  authenticated = true;

  private readonly limits: RespLimits;
  private chunk: Buffer = nothing;
  private chunkAt = 0;
  private chunkEnd = 0;
  private held: Buffer = nothing;
  /** Bytes of the partial command in `held`; 0: parsing is in place. */
  private heldEnd = 0;
  /** Place in the chunk or in `held`. */
  private at = 0;
  /** Arguments still to come; -1 between commands. */
  private left = -1;
  /** Length of the argument that is being received; -1: not known yet. */
  private bulk = -1;
  /** No line break stands before this place. */
  private scanned = 0;
  private value = 0;

  constructor(limits: RespLimits = defaultRespLimits()) {
    this.limits = limits;
  }

  /** What was fed and is not parsed yet: `ahead[aheadAt, aheadEnd)`. */
  get ahead(): Buffer {
    return this.chunk;
  }
  get aheadAt(): number {
    return this.chunkAt;
  }
  get aheadEnd(): number {
    return this.chunkEnd;
  }

  /** Bytes received that are not yet part of a command given out. */
  get pendingBytes(): number {
    return this.heldEnd + this.chunkEnd - this.chunkAt;
  }

  /** Bytes of memory kept for this connection. */
  get heldBytes(): number {
    return this.held.length;
  }

  /** Takes `chunk[start, end)`, to be used in place: it must not change until next() is false. */
  feed(chunk: Buffer, start = 0, end = chunk.length): void {
    if (this.error !== null) return;
    if (this.chunkAt < this.chunkEnd) {
      const rest = this.chunk.subarray(this.chunkAt, this.chunkEnd);
      this.chunk = Buffer.concat([rest, chunk.subarray(start, end)]);
      this.chunkAt = 0;
      this.chunkEnd = this.chunk.length;
      return;
    }
    this.chunk = chunk;
    this.chunkAt = start;
    this.chunkEnd = end;
  }

  /** Copies what is left of the chunk, so that its memory may be reused before next() is false. */
  detach(): void {
    if (this.chunkAt === this.chunkEnd) return;
    this.chunk = Buffer.from(this.chunk.subarray(this.chunkAt, this.chunkEnd));
    this.chunkEnd -= this.chunkAt;
    this.chunkAt = 0;
  }

  /** True: the next command is at hand. False: it needs more bytes, or `error` is set. */
  next(): boolean {
    if (this.error !== null) return false;
    if (this.left < 0) this.forget();
    while (this.chunkAt < this.chunkEnd) {
      const outcome = this.heldEnd === 0 ? this.inPlace() : this.inHeld();
      if (outcome === complete) return true;
      if (outcome === broken) return false;
    }
    return false;
  }

  /** The current command was used. */
  private forget(): void {
    if (this.held.length > heldBytesKept && this.heldEnd === 0) {
      letGo(this.held);
      this.held = this.buffer = nothing;
    }
    if (this.argc > offsetsKept) {
      this.starts = [];
      this.ends = [];
    }
    this.argc = 0;
  }

  private inPlace(): number {
    const start = this.chunkAt;
    this.at = start;
    this.scanned = 0;
    const outcome = this.step(this.chunk, this.chunkEnd);
    if (outcome === more) this.hold(start);
    else this.chunkAt = this.at;
    return outcome;
  }

  /** Copies the partial command that begins at `start` out of the chunk. */
  private hold(start: number): void {
    const bytes = this.chunkEnd - start;
    this.at -= start;
    this.room(bytes);
    this.chunk.copy(this.held, 0, start, this.chunkEnd);
    this.heldEnd = bytes;
    this.chunkAt = this.chunkEnd;
    this.scanned = Math.max(this.scanned - start, 0);
    for (let i = 0; i < this.argc; i++) {
      this.starts[i] -= start;
      this.ends[i] -= start;
    }
  }

  /** Takes over as much as the partial command may need, and goes on with it. */
  private inHeld(): number {
    const missing = this.bulk < 0 ? stepBytes : this.at + this.bulk + 2 - this.heldEnd;
    const bytes = Math.min(missing, this.chunkEnd - this.chunkAt);
    if (this.heldEnd + bytes > this.limits.queryBytesMax)
      return this.fail("Protocol error: query buffer limit reached");
    this.room(this.heldEnd + bytes);
    this.chunk.copy(this.held, this.heldEnd, this.chunkAt, this.chunkAt + bytes);
    this.heldEnd += bytes;
    this.chunkAt += bytes;
    const outcome = this.step(this.held, this.heldEnd);
    if (outcome === complete || outcome === empty) {
      // What was taken over too much still stands in the chunk.
      this.chunkAt -= this.heldEnd - this.at;
      this.heldEnd = 0;
    }
    return outcome;
  }

  /** Grows by doubling, but not past what the argument being received needs. */
  private room(bytes: number): void {
    if (bytes <= this.held.length) return;
    const enough = this.bulk < 0 ? bytes * 2 : Math.max(bytes, this.at + this.bulk + 2);
    const larger = Buffer.allocUnsafeSlow(Math.max(Math.min(bytes * 2, enough), 1024));
    this.held.copy(larger, 0, 0, this.heldEnd);
    letGo(this.held);
    this.held = larger;
  }

  /** Goes on with the command at `this.at` in `source[.., end)`. */
  private step(source: Buffer, end: number): number {
    if (this.left < 0) {
      if (this.at === end) return more;
      if (source[this.at] !== 42) return this.inline(source, end);
      const found = this.count(source, end);
      if (found !== complete) return found;
    }
    let at = this.at;
    while (this.left > 0) {
      if (this.bulk < 0) {
        const found = this.bulkLength(source, end, at);
        if (found !== complete) return found;
        at = this.at;
      }
      const stop = at + this.bulk;
      if (stop + 2 > end) return more;
      this.starts[this.argc] = at;
      this.ends[this.argc++] = stop;
      this.bulk = -1;
      this.left--;
      at = stop + 2;
      this.at = at;
    }
    this.left = -1;
    this.buffer = source;
    return complete;
  }

  /** `*<count>`. */
  private count(source: Buffer, end: number): number {
    const found = this.line(source, this.at, end, "mbulk");
    if (found !== complete) return found === empty ? this.badCount() : found;
    if (this.value > this.limits.argumentsMax) return this.badCount();
    if (!this.authenticated && this.value > unauthenticatedArgumentsMax)
      return this.fail("Protocol error: unauthenticated multibulk length");
    if (this.value <= 0) return empty;
    this.left = this.value;
    return complete;
  }

  private badCount(): number {
    return this.fail("Protocol error: invalid multibulk length");
  }

  /** `$<length>`. */
  private bulkLength(source: Buffer, end: number, at: number): number {
    if (at < end && source[at] !== 36) return this.notBulk(source, end, at);
    const found = this.line(source, at, end, "bulk");
    if (found === more || found === broken) return found;
    if (found === empty || this.value < 0 || this.value > this.limits.bulkBytesMax)
      return this.fail("Protocol error: invalid bulk length");
    if (!this.authenticated && this.value > unauthenticatedBulkBytesMax)
      return this.fail("Protocol error: unauthenticated bulk length");
    this.bulk = this.value;
    return complete;
  }

  private notBulk(source: Buffer, end: number, at: number): number {
    const stop = this.find(source, CR, at, end);
    if (stop < 0) return this.unfinished(end - at, "too big bulk count string");
    return this.fail(`Protocol error: expected '$', got '${String.fromCharCode(source[at])}'`);
  }

  /**
   * The number after the type byte at `at`, into `value`, and `this.at` past the line.
   * `empty` means: not a number.
   */
  private line(source: Buffer, at: number, end: number, what: "mbulk" | "bulk"): number {
    let i = at + 1;
    let value = 0;
    let byte = 0;
    while (i < end) {
      byte = source[i];
      if (byte < 48 || byte > 57) break;
      value = value * 10 + byte - 48;
      i++;
    }
    const digits = i - at - 1;
    const plain = digits > 0 && digits < 16 && (digits === 1 || source[at + 1] !== 48);
    if (i + 1 < end && byte === CR && plain) {
      this.value = value;
      this.at = i + 2;
      return complete;
    }
    const stop = this.find(source, CR, at, end);
    if (stop < 0) return this.unfinished(end - at, `too big ${what} count string`);
    if (stop + 1 >= end) return more;
    this.at = stop + 2;
    const text = source.toString("latin1", at + 1, Math.min(stop, at + 22));
    if (!/^(0|-?[1-9][0-9]{0,17})$/.test(text)) return empty;
    this.value = Number(text);
    return complete;
  }

  /** Place of `byte`, looked for where it was not looked for before; -1 if it is not there. */
  private find(source: Buffer, byte: number, at: number, end: number): number {
    const from = Math.max(at, this.scanned);
    const found = from < end ? source.subarray(from, end).indexOf(byte) : -1;
    this.scanned = found < 0 ? end : 0;
    return found < 0 ? -1 : from + found;
  }

  private unfinished(bytes: number, text: string): number {
    return bytes > this.limits.inlineBytesMax ? this.fail(`Protocol error: ${text}`) : more;
  }

  private inline(source: Buffer, end: number): number {
    const start = this.at;
    const found = this.find(source, LF, start, end);
    if (found < 0) return this.unfinished(end - start, "too big inline request");
    const stop = found > start && source[found - 1] === CR ? found - 1 : found;
    this.at = found + 1;
    const line = splitInline(source, start, stop);
    if (line === null) return this.fail("Protocol error: unbalanced quotes in request");
    this.argc = line.starts.length;
    if (this.argc === 0) return empty;
    this.starts = line.starts;
    this.ends = line.ends;
    this.buffer = line.buffer;
    return complete;
  }

  private fail(text: string): number {
    this.error = `ERR ${text}`;
    this.held = nothing;
    this.chunk = nothing;
    this.heldEnd = this.chunkAt = this.chunkEnd = this.argc = 0;
    return broken;
  }
}
