/**
 * Ids of entries in a row, in memory that is used again: a hundred thousand of them change several
 * times a second, and arrays of JavaScript that grow and are dropped would have the garbage
 * collector look at everything each time.
 * @module
 */
const idsMin = 1024;

export class IdList {
  private ids = new Int32Array(idsMin);
  length = 0;

  push(id: number): void {
    if (this.length === this.ids.length) this.room(this.length + 1);
    this.ids[this.length++] = id;
  }

  /** Adds `source[from, end)`. */
  append(source: Int32Array, from: number, end: number): void {
    const { length } = this;
    const wanted = length + end - from;
    if (wanted > this.ids.length) this.room(wanted);
    for (let at = from, to = length; at < end; at++, to++) this.ids[to] = source[at] as number;
    this.length = wanted;
  }

  private room(wanted: number): void {
    const larger = new Int32Array(Math.max(wanted, this.ids.length * 2));
    larger.set(this.ids);
    this.ids = larger;
  }

  clear(): void {
    this.length = 0;
  }

  /** The ids; what is added later shows in another view. Valid until `clear`. */
  get view(): Int32Array {
    return this.ids.subarray(0, this.length);
  }
}
