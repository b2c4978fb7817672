/**
 * Assertions for what only a bug can break. What the world can break throws a StrongroomError.
 * @module
 */

/** A broken invariant: a bug in this program, never bad input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** @throws AssertionError if `condition` does not hold. The text must hold no user data. */
export function assert(condition: boolean, text = "invariant broken"): asserts condition {
  if (!condition) throw new AssertionError(text);
}

/** @throws AssertionError unless `value` is an integer in [min, max]. */
export function assertInteger(value: number, bounds: { min: number; max: number }): void {
  if (!Number.isInteger(value) || value < bounds.min || value > bounds.max)
    throw new AssertionError(`not an integer in [${bounds.min}, ${bounds.max}]`);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(_: never, text = "unreachable"): never {
  throw new AssertionError(text);
}
