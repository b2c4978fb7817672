/**
 * What LATENCY tells (redis.io, Latency monitoring): for each event the samples that reached
 * `latency-monitor-threshold`, at most one a second, and for each command how its times are spread.
 * Both are bounded: 160 samples an event, 21 counts a command.
 * @module
 */
/** As in latency.h of Redis 7.0. */
const samplesMax = 160;

export interface Sample {
  readonly unixSeconds: number;
  ms: number;
}

export interface Series {
  readonly samples: Sample[];
  /** The longest of all time. */
  maxMs: number;
}

/**
 * Upper ends of the buckets in µs, as HdrHistogram of Redis names them: powers of two of 1.024 µs,
 * with the two digits that it keeps.
 */
export const bucketUsec = [
  1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16909, 33818, 67636, 135272,
  270544, 541089, 1082179,
] as const;

function bucketOf(usec: number): number {
  const found = bucketUsec.findIndex((end) => usec <= end);
  return found < 0 ? bucketUsec.length - 1 : found;
}

export class Latency {
  /** `slowlog-log-slower-than`; negative: nothing is slow. */
  slowUsec = 10_000;
  /** `latency-monitor-threshold`; 0: no samples. */
  thresholdMs = 0;
  /** `latency-tracking`: histograms of all commands. */
  tracking = false;
  readonly series = new Map<string, Series>();
  private readonly histograms = new Map<object, number[]>();

  /** True if every command must be timed, also those that are quick by nature. */
  get closely(): boolean {
    return this.tracking || this.thresholdMs > 0 || (this.slowUsec >= 0 && this.slowUsec < 10_000);
  }

  /** An event took so long; below the threshold it is forgotten. */
  note(event: string, ms: number, nowMs: number): void {
    const whole = Math.floor(ms);
    if (this.thresholdMs === 0 || whole < this.thresholdMs) return;
    let series = this.series.get(event);
    if (series === undefined) {
      series = { samples: [], maxMs: 0 };
      this.series.set(event, series);
    }
    series.maxMs = Math.max(series.maxMs, whole);
    const unixSeconds = Math.floor(nowMs / 1000);
    const last = series.samples.at(-1);
    if (last?.unixSeconds === unixSeconds) last.ms = Math.max(last.ms, whole);
    else series.samples.push({ unixSeconds, ms: whole });
    if (series.samples.length > samplesMax) series.samples.shift();
  }

  /** @returns how many series there were. */
  reset(events: readonly string[]): number {
    const names = events.length === 0 ? [...this.series.keys()] : events;
    return names.filter((name) => this.series.delete(name)).length;
  }

  /** A command ran. */
  count(command: object, usec: number): void {
    if (!this.tracking) return;
    let counts = this.histograms.get(command);
    if (counts === undefined) {
      counts = new Array<number>(bucketUsec.length).fill(0);
      this.histograms.set(command, counts);
    }
    const at = bucketOf(usec);
    counts[at] = (counts[at] as number) + 1;
  }

  /** Counts by bucket, null for a command that never ran. */
  histogramOf(command: object): readonly number[] | null {
    return this.histograms.get(command) ?? null;
  }

  resetHistograms(): void {
    this.histograms.clear();
  }
}
