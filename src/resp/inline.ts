/**
 * Splits an inline command, what a person types into telnet, into arguments with Redis's quoting
 * (sds.c, sdssplitargs): "..." with \n \r \t \b \a \xHH escapes, '...' with \' only; a closing
 * quote must be followed by a space or the end.
 * @module
 */

/** The arguments of one line, laid out one after the other in `buffer`. */
export interface InlineArguments {
  readonly buffer: Buffer;
  readonly starts: number[];
  readonly ends: number[];
}

const escapes: Record<number, number> = { 110: 10, 114: 13, 116: 9, 98: 8, 97: 7 };

/** C's isspace() in the C locale. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** The line `source[start, end)` without its line break; null for unbalanced quotes. */
export function splitInline(source: Buffer, start: number, end: number): InlineArguments | null {
  const zero = source.subarray(start, end).indexOf(0);
  const stop = zero < 0 ? end : start + zero;
  const splitter = new Splitter(source, start, stop);
  while (splitter.skipSpaces()) if (!splitter.argument()) return null;
  return splitter;
}

class Splitter implements InlineArguments {
  readonly buffer: Buffer;
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  private readonly source: Buffer;
  private readonly stop: number;
  private at: number;
  private out = 0;

  constructor(source: Buffer, start: number, stop: number) {
    this.source = source;
    this.at = start;
    this.stop = stop;
    this.buffer = Buffer.allocUnsafeSlow(stop - start);
  }

  /** False at the end of the line. */
  skipSpaces(): boolean {
    while (this.at < this.stop && isSpace(this.source[this.at])) this.at++;
    return this.at < this.stop;
  }

  /** False for unbalanced quotes. */
  argument(): boolean {
    this.starts.push(this.out);
    while (this.at < this.stop && !isSpace(this.source[this.at])) {
      const byte = this.source[this.at++];
      if (byte === 34) {
        if (!this.doubleQuoted()) return false;
        break;
      }
      if (byte === 39) {
        if (!this.singleQuoted()) return false;
        break;
      }
      this.buffer[this.out++] = byte;
    }
    this.ends.push(this.out);
    return true;
  }

  private closed(): boolean {
    return this.at === this.stop || isSpace(this.source[this.at]);
  }

  private doubleQuoted(): boolean {
    while (this.at < this.stop) {
      const byte = this.source[this.at++];
      if (byte === 34) return this.closed();
      if (byte !== 92 || this.at === this.stop) this.buffer[this.out++] = byte;
      else this.escaped();
    }
    return false;
  }

  private escaped(): void {
    const byte = this.source[this.at++];
    if (byte === 120 && this.at + 2 <= this.stop) {
      const high = hexDigit(this.source[this.at]);
      const low = hexDigit(this.source[this.at + 1]);
      if (high >= 0 && low >= 0) {
        this.at += 2;
        this.buffer[this.out++] = high * 16 + low;
        return;
      }
    }
    this.buffer[this.out++] = escapes[byte] ?? byte;
  }

  private singleQuoted(): boolean {
    while (this.at < this.stop) {
      const byte = this.source[this.at++];
      if (byte === 39) return this.closed();
      if (byte === 92 && this.source[this.at] === 39 && this.at < this.stop) {
        this.at++;
        this.buffer[this.out++] = 39;
      } else this.buffer[this.out++] = byte;
    }
    return false;
  }
}
