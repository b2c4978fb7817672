/**
 * How long something took, as a histogram of plain numbers: cheap enough to be kept at all times,
 * read only when somebody asks.
 * @module
 */

/** Upper ends of the buckets in seconds; the last one has none. */
export const durationBounds: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  10,
];
const boundsMs = durationBounds.map((seconds) => seconds * 1000);

export class Durations {
  /** Per bucket, not summed up; one more than there are bounds. */
  readonly counts = new Float64Array(boundsMs.length + 1);
  count = 0;
  sumMs = 0;

  /** `many` things took `ms` milliseconds each. */
  add(ms: number, many: number): void {
    let at = 0;
    while (at < boundsMs.length && ms > (boundsMs[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + many;
    this.count += many;
    this.sumMs += ms * many;
  }
}
