/**
 * The replicated control state of a cluster: keyring, writer registry, sessions, cutovers. Every
 * node holds the same after the same entries. Entries change it (apply.ts), the hot path asks it
 * (admit.ts), the store keeps it (records.ts). Hazard: two variables that say the same will
 * disagree; so "active" is a state of a key, "on" is a cutover index, and nothing repeats them.
 * docs/formats/control-records.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type {
  Epoch,
  FullNodeId,
  GroupId,
  KeyId,
  LogIndex,
  NodeId16,
  SessionId,
} from "../base/brand.ts";
import type { Purpose, Wrap } from "../entry/wraps.ts";
import { History } from "./history.ts";

/** `decrypt-only`: added and not yet active, or active before; `fenced`: no entry may use it. */
export type KeyState = "active" | "decrypt-only" | "fenced" | "retired";

export interface KeyRow {
  readonly id: KeyId;
  readonly purpose: Purpose;
  /** Empty once retired. */
  wraps: readonly Wrap[];
  state: KeyState;
  /** Index of the entry that added it. */
  readonly created: LogIndex;
  /** Index of the entry that made it active, 0 if none has. */
  activated: number;
  /** When, by their proposers' clocks: milliseconds since 1970, 0 if unknown. */
  readonly createdMs: number;
  activatedMs: number;
}

/** A row of the writer registry: this node has written under this DEK. */
export interface WriterRow {
  readonly dek: number;
  readonly node16: NodeId16;
  readonly fullNodeId: FullNodeId;
  readonly firstSeen: Epoch;
  readonly lastSeen: Epoch;
}

/** The latest accepted load of a node under a DEK; under a log DEK (or 0) it is a session. */
export interface Load {
  readonly dek: number;
  readonly node16: NodeId16;
  readonly epoch: Epoch;
  readonly salt: Buffer;
  readonly session: SessionId;
  /** Sequence number of the last entry applied from this session, 0 at its opening. */
  lastSeq: number;
  /** False once a newer session of the node or a fence has closed it. */
  open: boolean;
  /** Changed since the records were last taken. */
  dirty: boolean;
}

/** Functions and facts the state is built on. */
export interface ControlDeps {
  readonly sha256: (data: Uint8Array) => Buffer;
  readonly group: GroupId;
  /** Newest feature level this build can honour. Default 1. */
  readonly featureLevelMax?: number;
}

/** Where a row of registry or loads stands: unique for (dek, node16). */
export function placeOf(dek: number, node16: number): number {
  return dek * 0x1_0000 + node16;
}

/** Read it freely; only this folder changes it. */
export class ControlState {
  readonly deps: ControlDeps;
  /** 16 bytes; null until the first entry (or the caller) has named it. */
  cluster: Buffer | null = null;
  readonly keys = new Map<number, KeyRow>();
  readonly writers = new Map<number, WriterRow>();
  readonly loads = new Map<number, Load>();
  /** Sessions by id: the loads under log DEKs (and under 0 while the log is in clear). */
  readonly sessions = new Map<bigint, Load>();
  /** The open session of each node, by full node id. */
  readonly current = new Map<bigint, Load>();
  /** Entry from which an envelope is on, itself excluded; 0: not yet. */
  storageCutover = 0;
  logCutover = 0;
  /** Index and SHA-256 of the bootstrap; 0 and empty before it. */
  bootstrapIndex = 0;
  bootstrapDigest: Buffer = Buffer.alloc(0);
  /** Index of the last entry that changed what the sidecar repeats. */
  keyringIndex = 0;
  featureLevel = 1;
  /** With encryption off: the index key's id (0 otherwise), and its bytes while known. */
  clearIndexKeyId = 0;
  clearIndexKey: Buffer | null = null;
  /** What has happened to the keys, and which requests were done. */
  readonly history = new History();

  readonly touchedKeys = new Set<number>();
  readonly touchedWriters = new Set<number>();
  readonly touchedLoads = new Set<number>();
  readonly dirtyLoads: Load[] = [];
  touchedCutovers = false;
  touchedMeta = false;

  constructor(deps: ControlDeps, cluster: Uint8Array | null = null) {
    this.deps = deps;
    if (cluster !== null) {
      assert(cluster.length === 16);
      this.cluster = Buffer.from(cluster);
    }
  }

  get bootstrapped(): boolean {
    return this.bootstrapIndex > 0;
  }

  /** True if the first entry was the bootstrap: this cluster never had anything in clear. */
  get bornEncrypted(): boolean {
    return this.bootstrapIndex === 1;
  }

  /** The active key of a purpose, null before the bootstrap. */
  active(purpose: Purpose): KeyRow | null {
    for (const key of this.keys.values())
      if (key.purpose === purpose && key.state === "active") return key;
    return null;
  }

  /** True if what is written because of the entry at `index` must be sealed in the store. */
  storageSealedAt(index: number): boolean {
    return this.storageCutover > 0 && index > this.storageCutover;
  }

  /** True if the entry at `index` must be sealed in the log: strictly after the cutover. */
  logSealedAt(index: number): boolean {
    return this.logCutover > 0 && index > this.logCutover;
  }

  /** The registry's row of a node under a DEK. */
  writer(dek: number, node16: number): WriterRow | null {
    return this.writers.get(placeOf(dek, node16)) ?? null;
  }

  touchLoad(load: Load): void {
    if (load.dirty) return;
    load.dirty = true;
    this.dirtyLoads.push(load);
  }
}
