/**
 * Looks for GETs in what clients have sent before it is performed, and tells the engine of all of
 * them at once: their look-ups wait for memory and read files together. Hazard it guards: a hint
 * taken for a command. It only reads bytes, and whatever it overlooks or misreads is performed as
 * if nothing had been said.
 * @module
 */
import { type Engine, foreseenMax } from "./port.ts";

/** `*2`, a name of three bytes, `GET` in any case, and the type of the key. */
const get = Buffer.from("*2\r\n$3\r\nget\r\n$");
const nameAt = 8;
const nameEnd = 11;
/** Keys of more than two digits' length are left out. */
const digitsMax = 2;
const zero = 48;
const CR = 13;
const LF = 10;
const lowerCase = 0x20;

export class Foresight {
  private readonly engine: Engine;
  private readonly starts = new Int32Array(foreseenMax);
  private readonly ends = new Int32Array(foreseenMax);
  private readonly databases = new Int32Array(foreseenMax);
  private buffer: Buffer | null = null;
  private count = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  get full(): boolean {
    return this.count === foreseenMax;
  }

  /**
   * Takes the GETs at the beginning of `buffer[from, to)`, as many as there is room for. The buffer
   * must not change before `tell`.
   * @returns the place behind them.
   */
  look(buffer: Buffer, from: number, to: number, database: number): number {
    if (this.buffer !== buffer) this.tell();
    this.buffer = buffer;
    let at = from;
    while (this.count < foreseenMax) {
      const next = this.take(buffer, at, to, database);
      if (next < 0) break;
      at = next;
    }
    return at;
  }

  /** The place behind the GET at `at`, or -1 if there is no whole one. */
  private take(buffer: Buffer, at: number, to: number, database: number): number {
    if (at + get.length + 3 > to) return -1;
    for (let n = 0; n < get.length; n++) {
      const byte = buffer[at + n] as number;
      if ((n >= nameAt && n < nameEnd ? byte | lowerCase : byte) !== get[n]) return -1;
    }
    let start = at + get.length;
    let length = 0;
    for (let digits = 0; ; digits++, start++) {
      const digit = (buffer[start] as number) - zero;
      if (digit < 0 || digit > 9) break;
      if (digits === digitsMax) return -1;
      length = length * 10 + digit;
    }
    if (buffer[start] !== CR || buffer[start + 1] !== LF) return -1;
    start += 2;
    const end = start + length;
    if (end + 2 > to) return -1;
    const n = this.count++;
    this.starts[n] = start;
    this.ends[n] = end;
    this.databases[n] = database;
    return end + 2;
  }

  /** Tells the engine of what was taken. One alone is performed as quickly without. */
  tell(): void {
    const { buffer, count } = this;
    this.count = 0;
    this.buffer = null;
    if (count < 2 || buffer === null) return;
    this.engine.foresee(buffer, this.starts, this.ends, this.databases, count);
  }
}
