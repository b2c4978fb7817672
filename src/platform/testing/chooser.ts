/**
 * Choices that look like chance and are the same each time, so that a failing run can be repeated.
 * @module
 */

/** mulberry32 (public domain): numbers in [0, 1), all of them from the seed. */
export function chooser(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
