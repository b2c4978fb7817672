/**
 * Glob patterns over bytes, as Redis 7.0's stringmatchlen: `*`, `?`, `[a-z]`, `[^a]`, backslash.
 * A client chooses the pattern, so matching must not take exponential time: once a star failed to
 * match to the end of the string, no earlier star can succeed; more than 1000 stars match nothing.
 * Bytes in a range are compared as signed characters, as there.
 * @module
 */

const nestingMax = 1000;

class Matcher {
  private readonly pattern: Uint8Array;
  private readonly text: Uint8Array;
  private exhausted = false;

  constructor(pattern: Uint8Array, text: Uint8Array) {
    this.pattern = pattern;
    this.text = text;
  }

  /** Byte of the pattern; 0 past its end, where C strings have their terminator. */
  private at(p: number): number {
    return this.pattern[p] ?? 0;
  }

  match(patternAt: number, textAt: number, nesting: number): boolean {
    if (nesting > nestingMax) return false;
    const { pattern, text } = this;
    let p = patternAt;
    let t = textAt;
    while (p < pattern.length && t < text.length) {
      const symbol = pattern[p];
      if (symbol === 0x2a) return this.star(p, t, nesting);
      if (symbol === 0x5b) {
        p = this.bracket(p + 1, text[t] as number);
        if (p < 0) return false;
      } else if (symbol !== 0x3f) {
        if (symbol === 0x5c && p + 1 < pattern.length) p++;
        if (pattern[p] !== text[t]) return false;
      }
      t++;
      p++;
      if (t === text.length) while (this.at(p) === 0x2a) p++;
    }
    return p >= pattern.length && t === text.length;
  }

  private star(patternAt: number, textAt: number, nesting: number): boolean {
    let p = patternAt;
    while (this.at(p + 1) === 0x2a) p++;
    if (p + 1 === this.pattern.length) return true;
    for (let t = textAt; t < this.text.length; t++) {
      if (this.match(p + 1, t, nesting + 1)) return true;
      if (this.exhausted) return false;
    }
    this.exhausted = true;
    return false;
  }

  /**
   * A bracket expression whose first byte after "[" is at `start`.
   * @returns the offset of its last byte, or -1 if `byte` does not match.
   */
  private bracket(start: number, byte: number): number {
    const end = this.pattern.length;
    let p = start;
    const inverted = this.at(p) === 0x5e;
    if (inverted) p++;
    let found = false;
    for (; ; p++) {
      if (p + 2 <= end && this.at(p) === 0x5c) {
        p++;
        if (this.at(p) === byte) found = true;
      } else if (this.at(p) === 0x5d) {
        break;
      } else if (p >= end) {
        p--;
        break;
      } else if (p + 3 <= end && this.at(p + 1) === 0x2d) {
        if (inRange(byte, this.at(p), this.at(p + 2))) found = true;
        p += 2;
      } else if (this.at(p) === byte) found = true;
    }
    return found === inverted ? -1 : p;
  }
}

function inRange(byte: number, one: number, other: number): boolean {
  const value = (byte << 24) >> 24;
  const first = (one << 24) >> 24;
  const second = (other << 24) >> 24;
  return value >= Math.min(first, second) && value <= Math.max(first, second);
}

/** True if the whole of `text` matches. */
export function globMatches(pattern: Uint8Array, text: Uint8Array): boolean {
  return new Matcher(pattern, text).match(0, 0, 0);
}

/** True if `pattern` is a single star, which matches everything. */
export function matchesAll(pattern: Uint8Array): boolean {
  return pattern.length === 1 && pattern[0] === 0x2a;
}
