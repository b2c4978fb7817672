/**
 * Plans for what a node proposes about keys: the first keys, its load, a rotation. A plan draws
 * what is random and says what must be durable first; applying is the log's business. Hazard: an
 * epoch or salt used twice repeats nonces, so each plan takes the next epoch beyond everything that
 * sidecar or registry has seen, and a fresh salt. docs/formats/envelope.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { Epoch, FullNodeId, KeyId, NodeId16, SessionId } from "../base/brand.ts";
import { fnv1a64 } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";
import { node16Of, type Registration, saltBytes, sessionIdOf } from "../entry/registration.ts";
import type { Purpose } from "../entry/wraps.ts";
import { type Kek, newDek, type RawDek, wrapDek } from "./deks.ts";
import { activeKey, type SidecarDocument, type SidecarKey } from "./document.ts";
import type { ControlState } from "./state.ts";

export const epochMax = 0xffff;
/** From this epoch on the node rotates the key, at start and while it serves: 1024 are left. */
export const epochRotateAt = epochMax - 1024 + 1;

export interface NodeIdentity {
  readonly id: string;
  readonly fullNodeId: FullNodeId;
  readonly node16: NodeId16;
}

/** Full node id: FNV-1a-64 of the id's UTF-8 bytes. */
export function identityOf(id: string): NodeIdentity {
  const fullNodeId = fnv1a64(Buffer.from(id, "utf8")) as FullNodeId;
  return { id, fullNodeId, node16: node16Of(fullNodeId) };
}

export interface FirstKeys {
  /** To be durable as the sidecar before the bootstrap is proposed. */
  readonly document: SidecarDocument;
  /** For the keystore; zero `raw` afterwards. Not there with encryption off. */
  readonly deks: readonly RawDek[];
}

/** Ids of the first keys. */
const firstKeyIds = { storage: 1, log: 2, index: 3 } as const;

/** Storage, log and index DEK for a new cluster, wrapped by every KEK. */
export async function planFirstKeys(with_: {
  readonly random: Random;
  readonly keks: readonly Kek[];
  readonly nodeId: string;
}): Promise<FirstKeys> {
  const cluster = with_.random.bytes(16);
  const keys = new Map<number, SidecarKey>();
  const deks: RawDek[] = [];
  try {
    for (const purpose of ["storage", "log", "index"] as const) {
      const id = firstKeyIds[purpose] as KeyId;
      const { dek, wraps } = await newDek(purpose, id, cluster, with_.keks, with_.random);
      deks.push(dek);
      keys.set(id, { purpose, wraps, created: 0, localEpoch: 0, state: "active" });
    }
  } catch (error) {
    for (const { raw } of deks) raw.fill(0);
    throw error;
  }
  return { document: pendingDocument(with_.nodeId, cluster, keys, null), deks };
}

/** With encryption off: a cluster id and an index key in clear. */
export function planClearStart(random: Random, nodeId: string): SidecarDocument {
  const clear = {
    keyId: firstKeyIds.index as KeyId,
    raw: random.bytes(32),
    localEpoch: 0,
  };
  return pendingDocument(nodeId, random.bytes(16), new Map(), clear);
}

function pendingDocument(
  nodeId: string,
  cluster: Buffer,
  keys: Map<number, SidecarKey>,
  clear: SidecarDocument["clear"],
): SidecarDocument {
  const none = { appliedIndex: 0, storageCutover: 0, logCutover: 0 };
  return { nodeId, cluster, ...none, keys, clear };
}

export interface LoadPlan {
  readonly node: NodeIdentity;
  /** To be raised in the sidecar, durably, before anything of this plan is proposed. */
  readonly epochs: ReadonlyMap<number, number>;
  readonly session: SessionId;
  /** Under the log DEK, or under 0 with encryption off. Opens `session`. */
  readonly log: Registration;
  /** Null with encryption off. */
  readonly storage: Registration | null;
  /** Purposes whose epochs are nearly used up: rotate them once this load is registered. */
  readonly rotateSoon: readonly Purpose[];
}

/**
 * The next load of this node under the active keys (before the bootstrap: the sidecar's).
 * @throws EPOCH_EXHAUSTED.
 */
export function planLoad(state: ControlState, document: SidecarDocument, random: Random): LoadPlan {
  const node = identityOf(document.nodeId);
  const clear = !state.bootstrapped && document.clear !== null;
  const pick = (purpose: Purpose): number =>
    clear ? 0 : (state.active(purpose)?.id ?? activeKey(document, purpose));
  const log = planRegistration(state, document, node, pick("log"), random);
  const storage = clear ? null : planRegistration(state, document, node, pick("storage"), random);
  const epochs = new Map<number, number>([[log.dek, log.epoch]]);
  if (storage !== null) epochs.set(storage.dek, storage.epoch);
  const rotateSoon: Purpose[] = [];
  if (!clear && log.epoch >= epochRotateAt) rotateSoon.push("log");
  if (storage !== null && storage.epoch >= epochRotateAt) rotateSoon.push("storage");
  const session = sessionIdOf(log.salt, state.deps.sha256);
  return { node, epochs, session, log, storage, rotateSoon };
}

function planRegistration(
  state: ControlState,
  document: SidecarDocument,
  node: NodeIdentity,
  dek: number,
  random: Random,
): Registration {
  const known = dek === 0 ? document.clear?.localEpoch : document.keys.get(dek)?.localEpoch;
  const row = state.writer(dek, node.node16);
  if (row !== null && row.fullNodeId !== node.fullNodeId)
    throw new StrongroomError("NODE_ID_COLLISION", `slot ${node.node16}, key ${dek}`);
  const epoch = Math.max(known ?? 0, row?.lastSeen ?? 0) + 1;
  if (epoch > epochMax) throw new StrongroomError("EPOCH_EXHAUSTED", `key ${dek}`);
  const salt = random.bytes(saltBytes);
  return { dek, fullNodeId: node.fullNodeId, epoch: epoch as Epoch, salt };
}

export interface RotationPlan {
  readonly purpose: Purpose;
  readonly keyId: KeyId;
  readonly previous: KeyId;
  /** For the keystore once the entry "add" is applied; zero it afterwards. */
  readonly dek: RawDek;
  readonly add: {
    readonly kind: "add";
    readonly keyId: KeyId;
    readonly purpose: Purpose;
    readonly previous: KeyId;
    readonly wraps: readonly { readonly kekId: string; readonly bytes: Uint8Array }[];
  };
}

/** First half of a rotation: a new DEK beyond every id ever used. @throws as `wrapDek`. */
export async function planRotation(
  state: ControlState,
  purpose: "storage" | "log",
  keks: readonly Kek[],
  random: Random,
): Promise<RotationPlan> {
  const active = state.active(purpose);
  if (active === null || state.cluster === null)
    throw new StrongroomError("CONTROL_NOT_BOOTSTRAPPED");
  const keyId = (Math.max(...state.keys.keys()) + 1) as KeyId;
  const { dek, wraps } = await newDek(purpose, keyId, state.cluster, keks, random);
  const previous = active.id;
  return { purpose, keyId, previous, dek, add: { kind: "add", keyId, purpose, previous, wraps } };
}

/**
 * A key that was added and never activated: a rotation that stopped half way goes on with it, so
 * that no keys pile up. Null if there is none.
 */
export function pendingRotation(state: ControlState, purpose: "storage" | "log"): KeyId | null {
  for (const key of state.keys.values())
    if (key.purpose === purpose && key.state === "decrypt-only" && key.activated === 0)
      return key.id;
  return null;
}

export interface ActivationPlan {
  readonly epochs: ReadonlyMap<number, number>;
  readonly registration: Registration;
  /** Of a log key: the session that continues once the entry is applied, from seq 1. */
  readonly session: SessionId | null;
  readonly activate: {
    readonly kind: "activate";
    readonly keyId: KeyId;
    readonly purpose: Purpose;
    readonly previous: KeyId;
    readonly registrations: readonly Registration[];
  };
}

/** Second half, once the new key is in the keyring. `epochs` must be durable before a proposal. */
export function planActivation(
  state: ControlState,
  document: SidecarDocument,
  keyId: KeyId,
  random: Random,
): ActivationPlan {
  const key = state.keys.get(keyId);
  assert(key !== undefined, "activation of a key that was not added");
  const active = state.active(key.purpose);
  assert(active !== null);
  const node = identityOf(document.nodeId);
  const registration = planRegistration(state, document, node, keyId, random);
  const session = key.purpose === "log" ? sessionIdOf(registration.salt, state.deps.sha256) : null;
  const { purpose } = key;
  const registrations = [registration];
  return {
    epochs: new Map([[keyId, registration.epoch]]),
    registration,
    session,
    activate: { kind: "activate", keyId, purpose, previous: active.id, registrations },
  };
}

/**
 * From clear to sealed: fresh storage and log DEK, and wraps of the index key that is in use. The
 * returned document is what the bootstrap says; it is written only when the entry is applied.
 */
export async function planMigration(
  state: ControlState,
  document: SidecarDocument,
  keks: readonly Kek[],
  random: Random,
): Promise<FirstKeys> {
  const { clear, cluster } = document;
  if (clear === null || state.bootstrapped)
    throw new StrongroomError("CONTROL_ALREADY_BOOTSTRAPPED");
  const keys = new Map<number, SidecarKey>();
  const deks: RawDek[] = [];
  const raw = Buffer.from(clear.raw);
  deks.push({ keyId: clear.keyId, purpose: "index", raw });
  try {
    for (const purpose of ["storage", "log"] as const) {
      const id = firstKeyIds[purpose] as KeyId;
      const { dek, wraps } = await newDek(purpose, id, cluster, keks, random);
      deks.push(dek);
      keys.set(id, { purpose, wraps, created: 0, localEpoch: 0, state: "active" });
    }
    const wraps = await wrapDek(deks[0]!, cluster, keks);
    keys.set(clear.keyId, {
      purpose: "index",
      wraps,
      created: 0,
      localEpoch: 0,
      state: "active",
    });
  } catch (error) {
    for (const dek of deks) dek.raw.fill(0);
    throw error;
  }
  return { document: pendingDocument(document.nodeId, cluster, keys, null), deks };
}
