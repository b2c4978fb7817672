/**
 * What metrics are made of: plain numbers that the parts of a node count anyway, taken together
 * when somebody asks. No key name and no value is among them.
 * @module
 */
import type { StoreStats } from "../store/store.ts";
import type { AlarmTally } from "./alarms.ts";
import type { NodeStatus } from "./api.ts";
import type { Durations } from "./durations.ts";
import type { Runtime } from "./runtime.ts";
import { statusOf } from "./status.ts";

/** Envelopes sealed and opened since the start. */
export interface EnvelopeCounts {
  readonly seals: number;
  readonly opens: number;
}

export interface NodeMeasures {
  readonly status: NodeStatus;
  readonly uptimeMs: number;
  readonly store: StoreStats;
  readonly envelopes: { readonly log: EnvelopeCounts; readonly store: EnvelopeCounts };
  /** Records that did not open, by code. */
  readonly failures: ReadonlyMap<string, number>;
  /** What needed attention, by event and by code. */
  readonly alarms: ReadonlyMap<string, number>;
  readonly alarmCodes: ReadonlyMap<string, number>;
  /** From handing a batch to the log until its commands were answered, counted by command. */
  readonly writes: Durations;
  readonly batches: number;
  /** Running time of reads, one in 256. */
  readonly reads: Durations;
  /** Keys by database number. */
  readonly databases: readonly { readonly db: number; readonly keys: number }[];
  readonly hits: number;
  readonly misses: number;
  readonly expired: number;
}

/** What servers beside the engine count. */
export interface CommandMeasures {
  readonly connections: number;
  readonly connectionsTotal: number;
  readonly rejectedTotal: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly commands: readonly {
    readonly name: string;
    readonly calls: number;
    readonly failed: number;
    readonly rejected: number;
  }[];
}

export function measuresOf(runtime: Runtime, tally: AlarmTally): NodeMeasures {
  const { deps, machine, engine, proposer, databases } = runtime;
  const { store, session, clock } = deps;
  const { figures } = store;
  return {
    status: statusOf(runtime),
    uptimeMs: clock.monotonicMs() - runtime.startedMs,
    store: store.stats(),
    envelopes: {
      log: { seals: session.seals, opens: session.opens },
      store: { seals: figures.sealed, opens: figures.opened },
    },
    failures: figures.failures,
    alarms: tally.events,
    alarmCodes: tally.codes,
    writes: proposer.durations,
    batches: proposer.batches,
    reads: engine.reads,
    databases: engine.databases(),
    hits: databases.hits,
    misses: databases.misses,
    expired: machine.expiredKeys,
  };
}
