/**
 * Writes replies as RESP2 or RESP3 straight into output memory. What does not fit into the
 * current chunk goes into the next one, so nothing is copied twice. A connection without pending
 * output holds no memory. Protocol: redis.io, "Redis serialization protocol specification".
 * @module
 */
import { formatDouble } from "./numbers.ts";
import { BufferPool, Chunk, type ChunkHolder } from "./pool.ts";
import type { Reply } from "./reply.ts";

const none = new Chunk(Buffer.alloc(0), -1);
/** `$<n>\r\n` for small n, made when first used. */
const bulkHeaders: Buffer[] = [];
const headersCachedMax = 4096;
/** Shorter data is copied byte by byte: a call into C++ costs more. */
const shortBytes = 24;
const lineBytesMax = 32;
/** More room at once is for one long value or text alone. */
const smallBytesMax = headersCachedMax + lineBytesMax;

const CR = 13;
const LF = 10;

function bulkHeader(length: number): Buffer {
  if (bulkHeaders.length === 0)
    for (let n = 0; n < headersCachedMax; n++) bulkHeaders.push(none.buffer);
  const made = bulkHeaders[length];
  if (made.length > 0) return made;
  const header = Buffer.from(`$${length}\r\n`);
  bulkHeaders[length] = header;
  return header;
}

function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, " ") : text;
}

/** A part of a chunk that was written: `chunk.buffer[from, to)`. */
interface Region {
  readonly chunk: Chunk;
  readonly from: number;
  readonly to: number;
}

/** Takes over a region, and gives the chunk back to the pool once it is done with it. */
export type Receive = (chunk: Chunk, from: number, to: number) => void;

/** Is asked, whenever a chunk is full, whether the output has become too much. */
export interface OutputGuard {
  /** @param bytes - Output that is pending, with a long value that is about to be written. */
  overflows(bytes: number): boolean;
}

export class RespWriter implements Reply, ChunkHolder {
  /** Set by HELLO. */
  resp3 = false;
  /** True: what is written is thrown away (CLIENT REPLY OFF and SKIP; once it is shut). */
  get muted(): boolean {
    return this.silent;
  }
  set muted(muted: boolean) {
    this.silent = muted || this.shut;
  }

  private silent = false;
  private shut = false;

  private readonly pool: BufferPool;
  private readonly guard: OutputGuard | null;
  /** Regions before the current one. */
  private full: Region[] = [];
  private fullBytes = 0;
  private chunk = none;
  /** Of `chunk`: the current region is `buffer[from, at)`. */
  private buffer = none.buffer;
  private from = 0;
  private at = 0;

  constructor(pool: BufferPool = new BufferPool(0), guard: OutputGuard | null = null) {
    this.pool = pool;
    this.guard = guard;
  }

  /** Bytes written and not yet taken. */
  get pending(): number {
    return this.fullBytes + this.at - this.from;
  }

  /** Those of them that stand in the current region; all, if there is but one. */
  get currentBytes(): number {
    return this.at - this.from;
  }

  /** Everything written, in one buffer, as a copy. */
  take(): Buffer {
    const parts: Buffer[] = [];
    this.drain((chunk, from, to) => {
      parts.push(Buffer.from(chunk.buffer.subarray(from, to)));
      this.pool.give(chunk);
    });
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** Hands over the output in order. */
  drain(receive: Receive): void {
    if (this.fullBytes === 0) {
      // Nearly always: one region.
      const { chunk, from, at } = this;
      if (chunk === none) return;
      this.leave();
      if (at > from) receive(chunk, from, at);
      else this.pool.give(chunk);
      return;
    }
    this.endRegion();
    const { full } = this;
    this.full = [];
    this.fullBytes = 0;
    for (const { chunk, from, to } of full) receive(chunk, from, to);
  }

  /** Throws away what is pending, and all that comes. */
  close(): void {
    this.shut = this.silent = true;
    this.clear();
  }

  /** Throws away what is pending. */
  clear(): void {
    this.drain((chunk) => this.pool.give(chunk));
  }

  endRegion(): void {
    const { chunk, from, at } = this;
    if (chunk === none) return;
    this.leave();
    if (at > from) {
      this.full.push({ chunk, from, to: at });
      this.fullBytes += at - from;
    } else this.pool.give(chunk);
  }

  /** Others may write behind the current region. */
  private leave(): void {
    this.chunk.at = this.at;
    this.pool.release(this, this.chunk);
    this.chunk = none;
    this.buffer = none.buffer;
    this.from = this.at = 0;
  }

  ok(): void {
    if (this.buffer.length - this.at < 5) this.turn(5);
    const { buffer, at } = this;
    buffer[at] = 43;
    buffer[at + 1] = 79;
    buffer[at + 2] = 75;
    buffer[at + 3] = CR;
    buffer[at + 4] = LF;
    this.at = this.silent ? at : at + 5;
  }

  queued(): void {
    this.raw("+QUEUED\r\n");
  }

  simple(text: string): void {
    this.raw(`+${oneLine(text)}\r\n`);
  }

  error(text: string): void {
    this.raw(`-${oneLine(text)}\r\n`);
  }

  integer(n: number | bigint): void {
    if (typeof n === "number") this.line(58, n);
    else this.raw(`:${n}\r\n`);
  }

  bulk(data: Uint8Array): void {
    this.header(data.length);
    this.copy(data, 0, data.length);
    this.lineEnd();
  }

  bulkFrom(buffer: Buffer, start: number, end: number): void {
    const length = end - start;
    // The common case at once: the whole reply stands in one piece.
    if (length < headersCachedMax && !this.silent) {
      if (this.buffer.length - this.at < length + lineBytesMax) this.turn(length + lineBytesMax);
      const header = bulkHeader(length);
      const out = this.buffer;
      let at = this.at;
      for (let i = 0; i < header.length; i++) out[at++] = header[i];
      if (length < shortBytes) for (let i = start; i < end; i++) out[at++] = buffer[i];
      else at += buffer.copy(out, at, start, end);
      out[at] = CR;
      out[at + 1] = LF;
      this.at = at + 2;
      return;
    }
    this.header(length);
    this.copy(buffer, start, end);
    this.lineEnd();
  }

  bulkText(text: string): void {
    this.bulk(Buffer.from(text));
  }

  nil(): void {
    this.raw(this.resp3 ? "_\r\n" : "$-1\r\n");
  }

  nilArray(): void {
    this.raw(this.resp3 ? "_\r\n" : "*-1\r\n");
  }

  array(count: number): void {
    this.line(42, count);
  }

  map(pairs: number): void {
    if (this.resp3) this.line(37, pairs);
    else this.line(42, pairs * 2);
  }

  set(count: number): void {
    this.line(this.resp3 ? 126 : 42, count);
  }

  attribute(pairs: number): void {
    this.line(124, pairs);
  }

  aloud(write: (reply: Reply) => void): void {
    const { muted } = this;
    this.muted = false;
    write(this);
    this.muted = muted;
  }
  push(count: number): void {
    this.line(this.resp3 ? 62 : 42, count);
  }

  double(n: number): void {
    const text = formatDouble(n);
    if (this.resp3) this.raw(`,${text}\r\n`);
    else this.raw(`$${text.length}\r\n${text}\r\n`);
  }

  bool(b: boolean): void {
    if (this.resp3) this.raw(b ? "#t\r\n" : "#f\r\n");
    else this.raw(b ? ":1\r\n" : ":0\r\n");
  }

  verbatim(format: string, text: string): void {
    const data = Buffer.from(this.resp3 ? `${format}:${text}` : text);
    this.line(this.resp3 ? 61 : 36, data.length);
    this.copy(data, 0, data.length);
    this.lineEnd();
  }

  bigNumber(text: string): void {
    if (this.resp3) this.raw(`(${text}\r\n`);
    else this.raw(`$${text.length}\r\n${text}\r\n`);
  }

  /** Bytes that are replies already, a character each. */
  raw(text: string): void {
    const length = text.length;
    if (this.silent) return;
    if (this.buffer.length - this.at < length) {
      this.turn(length);
      if (this.silent) return;
    }
    if (length < shortBytes) {
      const { buffer } = this;
      let at = this.at;
      for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i);
      this.at = at;
    } else this.at += this.buffer.write(text, this.at, length, "latin1");
  }

  /** `<type><n>\r\n` for a safe integer. */
  private line(type: number, n: number): void {
    if (this.silent) return;
    if (this.buffer.length - this.at < lineBytesMax) this.turn(lineBytesMax);
    if (n < 0 || n >= 1e9) {
      this.raw(`${String.fromCharCode(type)}${n}\r\n`);
      return;
    }
    const { buffer } = this;
    let at = this.at;
    buffer[at++] = type;
    let digits = 1;
    for (let top = 10; n >= top; top *= 10) digits++;
    let rest = n | 0;
    for (let i = at + digits - 1; i >= at; i--) {
      const tenth = (rest / 10) | 0;
      buffer[i] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    at += digits;
    buffer[at] = CR;
    buffer[at + 1] = LF;
    this.at = at + 2;
  }

  private header(length: number): void {
    this.line(36, length);
  }

  private lineEnd(): void {
    if (this.silent) return;
    if (this.buffer.length - this.at < 2) this.turn(2);
    this.buffer[this.at++] = CR;
    this.buffer[this.at++] = LF;
  }

  private copy(data: Uint8Array, start: number, end: number): void {
    if (this.silent || start === end) return;
    let from = start;
    const room = this.buffer.length - this.at;
    if (room < end - from) {
      // What fits goes here, so that chunks are full; a long rest gets a buffer of its own.
      this.buffer.set(data.subarray(from, from + room), this.at);
      this.at += room;
      from += room;
      this.turn(end - from + 2);
      if (this.silent) return;
    }
    this.buffer.set(data.subarray(from, end), this.at);
    this.at += end - from;
  }

  /** Goes to a chunk with room for `bytes`. */
  private turn(bytes: number): void {
    this.endRegion();
    let room = bytes;
    const grown = this.fullBytes + (bytes > smallBytesMax ? bytes : 0);
    if (grown > 0 && this.guard?.overflows(grown) === true) {
      this.close();
      // Who needs more looks at `silent` once more.
      room = Math.min(bytes, smallBytesMax);
    }
    this.chunk = this.pool.take(this, room);
    this.buffer = this.chunk.buffer;
    this.from = this.at = this.chunk.at;
  }
}
