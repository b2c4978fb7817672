/**
 * How far a run has come on its way into a segment: which frames were taken from its memory, where
 * they stand now, and how many of their blocks are on disk.
 * @module
 */
import { letGo } from "../../base/bytes.ts";

/** Integers of a frame's place. */
export const placeRow = 3;

export class RunProgress {
  /** Memory that the run is collected in. */
  readonly source: Buffer;
  /** Where its frames stand as the segment holds them: the same memory, or in clear another. */
  readonly buffer: Buffer;
  readonly compress: boolean;
  /** Entries of the hint before the run. */
  readonly mark: { readonly records: number; readonly controls: number };
  /** Sequence of the next record; null: the records have theirs. */
  sequence: number | null;
  /** End of the frames that were taken from `source`. */
  taken = 0;
  /** Their end in `buffer`. */
  at = 0;
  /** Bytes on disk: whole blocks. */
  written = 0;
  /** The places, up to `used`. */
  words = new Uint32Array(2048);
  used = 0;

  constructor(
    source: Buffer,
    buffer: Buffer,
    sequence: number | null,
    compress: boolean,
    mark: RunProgress["mark"],
  ) {
    this.source = source;
    this.buffer = buffer;
    this.sequence = sequence;
    this.compress = compress;
    this.mark = mark;
  }

  /**
   * A frame stands at `offset` of the segment, with a body of `length` bytes.
   * @param head - First 32 bits of its physical key; 0 of a control record.
   */
  place(offset: number, length: number, head: number): void {
    if (this.used + placeRow > this.words.length) {
      const larger = new Uint32Array(this.words.length * 2);
      larger.set(this.words);
      letGo(this.words);
      this.words = larger;
    }
    this.words[this.used++] = offset;
    this.words[this.used++] = length;
    this.words[this.used++] = head;
  }

  /** Offset, body length and head of each frame in the segment, in order: `placeRow` integers. */
  places(): Uint32Array {
    const places = this.words.slice(0, this.used);
    letGo(this.words);
    return places;
  }
}
