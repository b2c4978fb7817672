/**
 * The report of LATENCY DOCTOR, in the words of Redis 7.0 where it has them; the advice is for what
 * can be slow here.
 * @module
 */
import type { Latency, Series } from "../../latency.ts";

const disabled =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You " +
  'may use "CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it.\n';
const healthy =
  "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the " +
  "slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think " +
  "things over.\n";
const greeting =
  "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, " +
  "do you Dave?\n\n";

const advice: Readonly<Record<string, string>> = {
  command:
    "- Check your Slow Log to understand what are the commands you are running which are too " +
    "slow to execute. Please check https://redis.io/commands/slowlog for more information.\n",
  "fast-command":
    "- Commands that are quick by nature were slow: look for values that are not in memory on a " +
    "slow disk (--cache-bytes), for other work on this machine, and for swapping.\n",
  "aof-fsync-always":
    "- The disk takes long to make the log durable: use a faster one, or keep other work off it.\n",
  "expire-cycle":
    "- Many keys expire at the same time: spread their lifetimes, if that is possible.\n",
  "eviction-cycle": "- The cache is full and much is read past it: make --cache-bytes larger.\n",
};

function described(event: string, { samples, maxMs }: Series, nowMs: number): string {
  const values = samples.map(({ ms }) => ms);
  const average = Math.floor(values.reduce((sum, ms) => sum + ms, 0) / values.length);
  const spread = values.reduce((sum, ms) => sum + Math.abs(ms - average), 0);
  const deviation = Math.floor(spread / values.length);
  const since = Math.floor(nowMs / 1000) - (samples[0]?.unixSeconds ?? 0);
  const period = (Math.max(since / values.length, 0) || 1).toFixed(2);
  return (
    `${event}: ${values.length} latency spikes (average ${average}ms, mean deviation ` +
    `${deviation}ms, period ${period} sec). Worst all time event ${maxMs}ms.`
  );
}

export function diagnosis(latency: Latency, nowMs: number): string {
  if (latency.series.size === 0) return latency.thresholdMs === 0 ? disabled : healthy;
  const events = [...latency.series];
  const spikes = events.map(([name, series], at) => `${at + 1}. ${described(name, series, nowMs)}`);
  const hints = events.map(([name]) => advice[name] ?? "").join("");
  return `${greeting}${spikes.join("\n")}\n\nI have a few advices for you:\n\n${hints}`;
}
