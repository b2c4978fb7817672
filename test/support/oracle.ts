/**
 * What keys may hold after a crash: what was acknowledged is there; what was sent and not
 * acknowledged is there whole or not at all, in the order sent; nothing is there twice.
 * @module
 */

/** Value of each key of a unit; null: no such key. */
export type State = readonly (string | null)[];

const same = (one: State, other: State) => one.every((value, at) => value === other[at]);

function describe(state: State): string {
  const tell = (value: string | null) =>
    value === null ? "none" : value.length <= 12 ? `"${value}"` : `${value.length} bytes`;
  return state.map(tell).join(" ");
}

/** Keys that only ever change together, with one connection as their owner. */
export class Unit {
  readonly keys: readonly string[];
  #settled: State;
  #inDoubt: State[] = [];

  constructor(...keys: string[]) {
    this.keys = keys;
    this.#settled = keys.map(() => null);
  }

  /** The state once everything that was sent has taken effect. */
  get latest(): State {
    return this.#inDoubt.at(-1) ?? this.#settled;
  }

  /** A command is about to be sent that leads to `after`. */
  begin(after: State): void {
    this.#inDoubt.push(after);
  }

  /** The oldest command in doubt was acknowledged. */
  acknowledge(): void {
    this.#settled = this.#inDoubt.shift() as State;
  }

  /** Takes what was read after a restart as the truth. @returns what is wrong with it, or "". */
  observe(found: State): string {
    const allowed = [this.#settled, ...this.#inDoubt];
    const fits = allowed.some((state) => same(state, found));
    const problem = fits
      ? ""
      : `${this.keys.join(" ")}: holds ${describe(found)}, allowed ${allowed
          .slice(0, 4)
          .map(describe)
          .join(" or ")}`;
    this.#settled = found;
    this.#inDoubt = [];
    return problem;
  }
}
