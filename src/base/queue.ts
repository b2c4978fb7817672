/**
 * First in, first out, at the same cost however long it is: `Array.shift` moves all that is behind.
 * @module
 */

/** What was taken is cut off once it is as much. */
const cutMin = 1024;

export class Queue<T> {
  private items: (T | undefined)[] = [];
  private at = 0;

  get length(): number {
    return this.items.length - this.at;
  }

  get first(): T | undefined {
    return this.items[this.at];
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Takes the first one. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.at];
    this.items[this.at++] = undefined;
    if (this.at === this.items.length) {
      this.items.length = 0;
      this.at = 0;
    } else if (this.at >= cutMin && this.at * 2 >= this.items.length) {
      this.items = this.items.slice(this.at);
      this.at = 0;
    }
    return item;
  }

  /** Takes the last one. */
  pop(): T | undefined {
    return this.length === 0 ? undefined : this.items.pop();
  }
}
