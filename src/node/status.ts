/**
 * What a node says about itself. No key names, no values.
 * @module
 */

import type { SidecarKeeper } from "../control/keeper.ts";
import type { ControlState } from "../control/state.ts";
import type { Databases } from "../keyspace/databases.ts";
import type { SegmentLog } from "../log/segments/open.ts";
import type { Machine } from "../machine/machine.ts";
import type { SegmentStore } from "../store/segments/store.ts";
import type { KeyStatus, NodeStatus } from "./api.ts";
import type { Flusher } from "./flusher.ts";
import type { Group } from "./group.ts";

/** What a status is read from. */
export interface StatusSource {
  readonly machine: Machine;
  readonly group: Group;
  readonly databases: Databases;
  readonly flusher: Flusher;
  readonly state: "starting" | "serving" | "stopping";
  readonly deps: {
    readonly state: ControlState;
    readonly store: SegmentStore;
    readonly log: SegmentLog;
    readonly keeper: SidecarKeeper;
    readonly primitives: "native" | "node";
  };
}

export function statusOf(runtime: StatusSource): NodeStatus {
  const { deps, machine, group, databases, flusher } = runtime;
  const { state, store, log, keeper } = deps;
  const { document } = keeper;
  const stats = store.stats();
  const usage = new Map(stats.keys.map((key) => [key.keyId, key]));
  const keys: KeyStatus[] = [...state.keys.values()].map(({ id, purpose, state: of }) => ({
    id,
    purpose,
    state: of,
    bytes: usage.get(id)?.bytes ?? 0,
    records: usage.get(id)?.records ?? 0,
  }));
  const active = (purpose: "storage" | "log" | "index"): number => state.active(purpose)?.id ?? 0;
  const { haltedBy } = group;
  return {
    nodeId: document.nodeId,
    clusterId: document.cluster.toString("hex"),
    encryption: state.storageCutover > 0 && state.logCutover > 0,
    state: haltedBy !== null ? "halted" : runtime.state === "stopping" ? "stopping" : "serving",
    ...(haltedBy === null ? {} : { haltReason: group.haltReason }),
    appliedIndex: machine.appliedIndex,
    durableIndex: store.durable.appliedIndex,
    log: { first: log.first, last: log.last, bytes: log.bytes },
    store: { bytes: stats.bytes, deadBytes: stats.deadBytes, segments: stats.segments },
    resident: {
      bytes: databases.resident.bytes,
      limit: flusher.residentMax,
      dirtyBytes: databases.resident.dirtyBytes + flusher.flyingBytes,
    },
    active: { storage: active("storage"), log: active("log"), index: active("index") },
    keys,
    primitives: deps.primitives,
  };
}
