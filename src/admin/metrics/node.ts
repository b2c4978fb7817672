/**
 * Metrics of node, log, store, memory and commands.
 * @module
 */
import type { NodeStatus } from "../../node/api.ts";
import {
  counter,
  countsBy,
  type Family,
  gauge,
  histogram,
  type Snapshot,
  sample,
} from "./family.ts";

const states: readonly NodeStatus["state"][] = ["serving", "halted", "stopping"];

const statusOf = (read: (status: NodeStatus) => number) => (snapshot: Snapshot) =>
  read(snapshot.node.status);

const general: readonly Family[] = [
  gauge("strongroom_info", "Always 1; its labels tell what runs", ({ node }) => {
    const { nodeId, clusterId, primitives } = node.status;
    return [sample({ node: nodeId, cluster: clusterId, cryptography: primitives }, 1)];
  }),
  gauge("strongroom_state", "1 for the state that the node is in", ({ node }) =>
    states.map((state) => sample({ state }, state === node.status.state ? 1 : 0)),
  ),
  gauge("strongroom_uptime_seconds", "Since this start", ({ node }) => node.uptimeMs / 1000),
  counter("strongroom_alarms_total", "What needed attention, by event", ({ node }) =>
    countsBy("event", node.alarms),
  ),
  counter("strongroom_alarm_codes_total", "What needed attention, by code", ({ node }) =>
    countsBy("code", node.alarmCodes),
  ),
  gauge(
    "strongroom_applied_index",
    "Entry up to which the state is applied",
    statusOf((s) => s.appliedIndex),
  ),
  gauge(
    "strongroom_durable_index",
    "Entry up to which the store holds the state",
    statusOf((s) => s.durableIndex),
  ),
];

const log: readonly Family[] = [
  gauge(
    "strongroom_log_first_index",
    "Oldest entry of the log",
    statusOf((s) => s.log.first),
  ),
  gauge(
    "strongroom_log_last_index",
    "Newest durable entry of the log",
    statusOf((s) => s.log.last),
  ),
  gauge(
    "strongroom_log_bytes",
    "Bytes of the log on disk",
    statusOf((s) => s.log.bytes),
  ),
];

const store: readonly Family[] = [
  gauge("strongroom_store_segments", "Segments of the store", ({ node }) => node.store.segments),
  gauge("strongroom_store_bytes", "Bytes of the store on disk", ({ node }) => node.store.bytes),
  gauge(
    "strongroom_store_dead_bytes",
    "Bytes of the store that nothing needs any more",
    ({ node }) => node.store.deadBytes,
  ),
  gauge("strongroom_store_records", "Records on disk, dead ones too", ({ node }) => {
    return node.store.records;
  }),
  gauge("strongroom_store_index_bytes", "Memory of the index", ({ node }) => node.store.indexBytes),
  gauge(
    "strongroom_store_damaged_segments",
    "Segments that are damaged or could not be read",
    ({ node }) => node.store.damage.length,
  ),
  counter("strongroom_store_flushes_total", "Runs written", ({ node }) => node.store.flushes),
  counter(
    "strongroom_store_flushed_bytes_total",
    "Bytes of runs written",
    ({ node }) => node.store.flushedBytes,
  ),
  counter(
    "strongroom_store_compactions_total",
    "Compactions done",
    ({ node }) => node.store.compactions,
  ),
  counter(
    "strongroom_store_compacted_bytes_total",
    "Bytes of records copied, and sealed afresh, by the compactor",
    ({ node }) => node.store.compactedBytes,
  ),
];

const memory: readonly Family[] = [
  gauge(
    "strongroom_resident_bytes",
    "Memory of the data that is resident",
    statusOf((s) => s.resident.bytes),
  ),
  gauge(
    "strongroom_resident_limit_bytes",
    "Bound of it",
    statusOf((s) => s.resident.limit),
  ),
  gauge(
    "strongroom_resident_dirty_bytes",
    "Of it what is to be flushed",
    statusOf((s) => s.resident.dirtyBytes),
  ),
  gauge("strongroom_keys", "Keys, by number of the database", ({ node }) =>
    node.databases.map(({ db, keys }) => sample({ db: String(db) }, keys)),
  ),
  counter("strongroom_hits_total", "Look-ups that found a key", ({ node }) => node.hits),
  counter("strongroom_misses_total", "Look-ups that found none", ({ node }) => node.misses),
  counter("strongroom_expired_total", "Keys that expired", ({ node }) => node.expired),
];

const commands: readonly Family[] = [
  histogram(
    "strongroom_command_duration_seconds",
    "Writes: until durable and answered. Reads: running time, of one read in 256",
    ({ node }) => [
      [{ kind: "write" }, node.writes],
      [{ kind: "read" }, node.reads],
    ],
  ),
  counter("strongroom_batches_total", "Batches of writes put into the log", ({ node }) => {
    return node.batches;
  }),
  counter("strongroom_commands_total", "Calls by command", ({ commands: told }) =>
    (told?.commands ?? []).map(({ name, calls }) => sample({ command: name }, calls)),
  ),
  counter("strongroom_commands_failed_total", "Calls that failed", ({ commands: told }) =>
    (told?.commands ?? []).map(({ name, failed }) => sample({ command: name }, failed)),
  ),
  counter("strongroom_commands_rejected_total", "Calls that were not run", ({ commands: told }) =>
    (told?.commands ?? []).map(({ name, rejected }) => sample({ command: name }, rejected)),
  ),
  gauge("strongroom_clients", "Connected clients", ({ commands: told }) => told?.connections ?? 0),
  counter(
    "strongroom_connections_total",
    "Connections accepted",
    ({ commands: told }) => told?.connectionsTotal ?? 0,
  ),
  counter(
    "strongroom_connections_rejected_total",
    "Connections refused",
    ({ commands: told }) => told?.rejectedTotal ?? 0,
  ),
  counter(
    "strongroom_input_bytes_total",
    "Bytes received from clients",
    ({ commands: told }) => told?.inputBytes ?? 0,
  ),
  counter(
    "strongroom_output_bytes_total",
    "Bytes sent to clients",
    ({ commands: told }) => told?.outputBytes ?? 0,
  ),
];

export const nodeFamilies: readonly Family[] = [
  ...general,
  ...log,
  ...store,
  ...memory,
  ...commands,
];
