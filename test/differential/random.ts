/**
 * Seeded choices: a failing run prints its seed, and the seed repeats it.
 * @module
 */
import { chooser } from "../../src/platform/testing/chooser.ts";

export class Choices {
  /** Uniform in [0, 1). */
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = chooser(seed);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
  /** True once in `times` on average. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  /** `count` results of `make`. */
  list<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }
}
