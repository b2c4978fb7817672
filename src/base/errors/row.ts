/**
 * The shape of a row of the error table.
 * @module
 */

export interface ErrorRow {
  /** True if the same attempt may succeed later without anybody doing something. */
  readonly retryable: boolean;
  /** What is wrong, in one clause. */
  readonly what: string;
  /** What was kept safe, in one clause. */
  readonly kept: string;
  /** What to do, in one sentence without a full stop. */
  readonly todo: string;
}
