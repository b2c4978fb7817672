/**
 * Metric families over numbers that are counted elsewhere: nothing is kept here, all is read when
 * Prometheus asks. (Prometheus exposition format 0.0.4.)
 * @module
 */

import { type Durations, durationBounds } from "../../node/durations.ts";
import type { CommandMeasures, NodeMeasures } from "../../node/measures.ts";
import type { Capability, KeyringInfo } from "../../node/operations.ts";

/** Everything that one scrape tells. */
export interface Snapshot {
  readonly node: NodeMeasures;
  readonly keyring: KeyringInfo;
  readonly capability: Capability;
  /** Null while no server listens. */
  readonly commands: CommandMeasures | null;
  /** Probes that failed, by KEK. */
  readonly kekFailures: ReadonlyMap<string, number>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram: `<name>_bucket` and its like. */
  readonly metricName?: string;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter" | "histogram";
  collect(snapshot: Snapshot): Sample[];
}

type Collect = (snapshot: Snapshot) => number | Sample[];

function family(type: Family["type"], name: string, help: string, collect: Collect): Family {
  return {
    name,
    help,
    type,
    collect: (snapshot) => {
      const told = collect(snapshot);
      return typeof told === "number" ? [{ labels: {}, value: told }] : told;
    },
  };
}

export const gauge = (name: string, help: string, collect: Collect): Family =>
  family("gauge", name, help, collect);

/** What only grows; at a restart of the node it begins anew. */
export const counter = (name: string, help: string, collect: Collect): Family =>
  family("counter", name, help, collect);

export function sample(labels: Readonly<Record<string, string>>, value: number): Sample {
  return { labels, value };
}

function histogramSamples(name: string, labels: Sample["labels"], durations: Durations): Sample[] {
  const samples: Sample[] = [];
  let below = 0;
  const metricName = `${name}_bucket`;
  for (const [at, bound] of durationBounds.entries()) {
    below += durations.counts[at] ?? 0;
    samples.push({ labels: { ...labels, le: String(bound) }, value: below, metricName });
  }
  samples.push({ labels: { ...labels, le: "+Inf" }, value: durations.count, metricName });
  samples.push({ labels, value: durations.sumMs / 1000, metricName: `${name}_sum` });
  samples.push({ labels, value: durations.count, metricName: `${name}_count` });
  return samples;
}

export function histogram(
  name: string,
  help: string,
  collect: (snapshot: Snapshot) => [Sample["labels"], Durations][],
): Family {
  return family("histogram", name, help, (snapshot) =>
    collect(snapshot).flatMap(([labels, durations]) => histogramSamples(name, labels, durations)),
  );
}

export function countsBy(label: string, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([name, value]) => sample({ [label]: name }, value));
}
