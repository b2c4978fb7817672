/**
 * `/metrics` for Prometheus: the families of node and encryption, and those of the process that
 * prom-client knows. KEKs are asked now and then because of a scrape, in the background: no scrape
 * and no client waits for a service of keys.
 * @module
 */
import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import type { CommandMeasures, NodeMeasures } from "../../node/measures.ts";
import type { KeyOperations } from "../../node/operations.ts";
import type { Page } from "../pages.ts";
import { encryptionFamilies } from "./encryption.ts";
import type { Family, Snapshot } from "./family.ts";
import { nodeFamilies } from "./node.ts";

/** Answers of KEKs older than this are asked for again by a scrape. */
const kekAgeMsMax = 300_000;

/** Gauges of prom-client with the suffix of counters; the same without it tell it by type. */
const misnamed = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
] as const;

export interface MetricsSource {
  readonly keys: Pick<KeyOperations, "keyring" | "capability" | "probeKeks">;
  measures(): NodeMeasures;
}

export const families: readonly Family[] = [...nodeFamilies, ...encryptionFamilies];

class Probes {
  readonly failures = new Map<string, number>();
  private lastMs = Number.NEGATIVE_INFINITY;
  private readonly keys: MetricsSource["keys"];

  constructor(keys: MetricsSource["keys"]) {
    this.keys = keys;
  }

  /** Begins a round of questions if the last one is long ago. */
  refresh(): void {
    const now = performance.now();
    if (now - this.lastMs < kekAgeMsMax) return;
    this.lastMs = now;
    this.keys.probeKeks().then(
      (told) => {
        for (const { id, healthy } of told)
          this.failures.set(id, (this.failures.get(id) ?? 0) + (healthy ? 0 : 1));
      },
      // A node without KEKs, or one that stops: health is told by what is known.
      () => {},
    );
  }
}

/** @param commands - Figures of the server of clients; null while none listens. */
export function metricsPage(
  source: MetricsSource,
  commands: () => CommandMeasures | null,
): () => Promise<Page> {
  const all = new Registry();
  collectDefaultMetrics({ register: all });
  for (const name of misnamed) all.removeSingleMetric(name);
  const probes = new Probes(source.keys);
  let snapshot: Snapshot | null = null;
  for (const family of families) {
    const { name, help, type } = family;
    const get = async () => {
      const values = snapshot === null ? [] : family.collect(snapshot);
      return { name, help, type, values, aggregator: "sum" };
    };
    // A metric of our own: prom-client asks no more of it than its name and this.
    all.registerMetric({ name, get } as unknown as Metric);
  }
  return async () => {
    probes.refresh();
    snapshot = {
      node: source.measures(),
      keyring: source.keys.keyring(),
      capability: source.keys.capability(),
      commands: commands(),
      kekFailures: probes.failures,
    };
    return { status: 200, type: all.contentType, text: await all.metrics() };
  };
}
