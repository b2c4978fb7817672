/**
 * What a node tells of its keys: the keyring, what it could do, what has happened. Reads state and
 * changes nothing. No secret is in it.
 * @module
 */
import { type KeyRow, placeOf, type WriterRow } from "../../control/state.ts";
import { envelopesMax } from "../../crypto/envelope.ts";
import type {
  Capability,
  KeyEvent,
  KeyInfo,
  KeyPurpose,
  KeyringInfo,
  WriterInfo,
} from "../operations.ts";
import type { Runtime } from "../runtime.ts";
import { type KeyUsageOf, usageOfAll } from "../usage.ts";

const hex16 = (value: bigint): string => value.toString(16).padStart(16, "0");

export function capabilityOf(runtime: Runtime): Capability {
  const { keeper, keks, host, primitives, state } = runtime.deps;
  const { document } = keeper;
  const localEpochs: Record<string, number> = {};
  for (const [id, { localEpoch }] of document.keys)
    if (localEpoch > 0) localEpochs[String(id)] = localEpoch;
  return {
    encryptionCapable: true,
    encryption: state.logCutover > 0 ? "on" : "off",
    kekConfigured: keks.length > 0,
    sidecarPresent: keeper.exists,
    sidecarUsable: !host.waiting,
    build: primitives,
    nodeId: document.nodeId,
    fullNodeId: hex16(runtime.node.fullNodeId),
    localEpochs,
  };
}

export function keyringOf(runtime: Runtime): KeyringInfo {
  const { deps, machine, group } = runtime;
  const { state, keeper, store } = deps;
  const { document } = keeper;
  const active = (purpose: KeyPurpose): number => state.active(purpose)?.id ?? 0;
  const { haltedBy } = group;
  return {
    clusterId: document.cluster.toString("hex"),
    nodeId: document.nodeId,
    bootstrapped: state.bootstrapped,
    active: { storage: active("storage"), log: active("log"), index: active("index") },
    storageCutover: state.storageCutover,
    logCutover: state.logCutover,
    appliedIndex: machine.appliedIndex,
    durableIndex: store.durable.appliedIndex,
    keys: keysOf(runtime),
    keks: runtime.deps.kekSet.known(),
    writers: [...state.writers.values()].map((row) => writerOf(runtime, row)),
    rewrites: runtime.rewrites.all(),
    state: haltedBy !== null ? "halted" : runtime.state === "stopping" ? "stopping" : "serving",
    haltReason: group.haltReason,
  };
}

function writerOf({ deps: { state } }: Runtime, row: WriterRow): WriterInfo {
  const load = state.loads.get(placeOf(row.dek, row.node16));
  return {
    keyId: row.dek,
    node16: row.node16,
    fullNodeId: hex16(row.fullNodeId),
    firstSeen: row.firstSeen,
    lastSeen: row.lastSeen,
    session: load === undefined ? "" : hex16(load.session),
    open: load?.open ?? false,
  };
}

function keysOf({ deps }: Runtime): KeyInfo[] {
  const usage = usageOfAll(deps);
  const sealed = [...deps.state.keys.values()].map((key) => ({
    id: key.id,
    purpose: key.purpose,
    state: key.state,
    ...amountOf(usage.get(key.id)),
    kekIds: key.wraps.map((wrap) => wrap.kekId),
    createdMs: key.createdMs,
    createdIndex: key.created,
    activatedIndex: key.activated,
    writesLeft: writesLeft(deps, key),
  }));
  const clear = usage.get(0);
  const never = { createdMs: 0, createdIndex: 0, activatedIndex: 0, writesLeft: 0 };
  if (clear === undefined || clear.storeSegments === 0) return sealed;
  const { storeBytes: bytes, storeRecords: records } = clear;
  const row = { id: 0, purpose: "storage", state: "clear", bytes, records, kekIds: [] } as const;
  return [{ ...row, ...never }, ...sealed];
}

/** Under the subkey in use: a session has one, each segment of the store draws its own. */
function writesLeft({ session }: Runtime["deps"], key: KeyRow): number {
  if (key.state !== "active" || key.purpose === "index") return 0;
  if (key.purpose === "storage") return envelopesMax;
  return session.keyId === key.id ? envelopesMax - session.sealed : envelopesMax;
}

/** A key has its records in the store or its entries in the log, never both. */
function amountOf(usage: KeyUsageOf | undefined): { bytes: number; records: number } {
  if (usage === undefined) return { bytes: 0, records: 0 };
  const { storeBytes, logBytes, storeRecords, logEntries } = usage;
  return { bytes: storeBytes + logBytes, records: storeRecords + logEntries };
}

/** Newest last. A proposer is told by its name where that is known, else by its full node id. */
export function historyOf({ node, deps }: Runtime): readonly KeyEvent[] {
  return [...deps.state.history.events.values()].map((event) => ({
    index: event.index,
    timeMs: event.timeMs,
    proposer: event.proposer === node.fullNodeId ? node.id : hex16(event.proposer),
    kind: event.kind,
    keyId: event.keyId,
    purpose: event.purpose ?? "",
    detail: event.detail,
  }));
}
