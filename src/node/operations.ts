/**
 * What an operator may do to the keys of a running node, and see of them. The admin service and the
 * command line stand on this interface. What changes the keys is an entry of the log: it is
 * verified before it is proposed, carries its request id, and answers with the index at which it
 * was applied. What changes this node's files alone (rewrite, resync) is durable in its store with
 * the request id. The same request id again answers with the first outcome, also after a restart.
 * @module
 */
import type { KekHealth } from "../kek/health.ts";

export type KeyPurpose = "storage" | "log" | "index";
/** `clear` is key 0: what was written before the storage cutover of a plaintext database. */
export type KeyLife = "active" | "decrypt-only" | "fenced" | "retired" | "clear";

/** Names a mutation for good: 16 bytes as 32 hex digits, drawn by the operator's client. */
export type RequestId = string;

export interface Applied {
  /** Index of the entry that did it (or that had done it before). */
  readonly appliedIndex: number;
  /** False if an earlier request had done it already. */
  readonly changed: boolean;
}

export interface KeyInfo {
  /** 0 is "clear". */
  readonly id: number;
  readonly purpose: KeyPurpose;
  readonly state: KeyLife;
  /** Sealed bytes on disk under it: records of the store, or log entries. */
  readonly bytes: number;
  readonly records: number;
  readonly kekIds: readonly string[];
  /** Milliseconds since 1970, 0 if unknown. Diagnostic. */
  readonly createdMs: number;
  readonly createdIndex: number;
  readonly activatedIndex: number;
  /** Envelopes that may still be sealed under the current subkeys before a rotation is forced. */
  readonly writesLeft: number;
}

export type KekInfo = KekHealth;

export interface WriterInfo {
  readonly keyId: number;
  readonly node16: number;
  readonly fullNodeId: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly session: string;
  readonly open: boolean;
}

/** What this node could do, before anybody asks it to. */
export interface Capability {
  readonly encryptionCapable: boolean;
  readonly encryption: "on" | "off";
  readonly kekConfigured: boolean;
  readonly sidecarPresent: boolean;
  readonly sidecarUsable: boolean;
  readonly build: string;
  readonly nodeId: string;
  readonly fullNodeId: string;
  /** Local epoch of each key this node has written under, by key id. */
  readonly localEpochs: Readonly<Record<string, number>>;
}

export interface KeyringInfo {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly bootstrapped: boolean;
  readonly active: { readonly storage: number; readonly log: number; readonly index: number };
  /** Index from which an envelope is on; 0: not yet. */
  readonly storageCutover: number;
  readonly logCutover: number;
  readonly appliedIndex: number;
  readonly durableIndex: number;
  readonly keys: readonly KeyInfo[];
  readonly keks: readonly KekInfo[];
  readonly writers: readonly WriterInfo[];
  readonly rewrites: readonly RewriteInfo[];
  readonly state: "serving" | "halted" | "stopping";
  readonly haltReason: string;
}

export interface KeyEvent {
  readonly index: number;
  /** As its proposer's clock said; milliseconds since 1970, 0 if unknown. */
  readonly timeMs: number;
  readonly proposer: string;
  /** bootstrap, add, activate, rewrap, fence, retire, enable-storage, enable-log, skip … */
  readonly kind: string;
  readonly keyId: number;
  readonly purpose: KeyPurpose | "";
  /** KEK ids, reason of a skip, and the like. No secret. */
  readonly detail: string;
}

export interface RewriteInfo {
  readonly keyId: number;
  readonly state: "running" | "paused" | "done" | "cancelled";
  readonly bytesTotal: number;
  readonly bytesDone: number;
  readonly recordsDone: number;
  /** 0: unthrottled. */
  readonly bytesPerSecond: number;
  /** Measured over the last seconds. */
  readonly currentBytesPerSecond: number;
  /** Milliseconds, -1 if it cannot be told. */
  readonly etaMs: number;
}

export interface ProofCount {
  /** "store segment", "log entry", "hint", "wrap in sidecar", "wrap in control records" … */
  readonly surface: string;
  readonly count: number;
  readonly bytes: number;
  /** Files by their own names (numbers, no user data), at most 100. */
  readonly files: readonly string[];
}

export interface Proof {
  readonly keyId: number;
  readonly purpose: KeyPurpose;
  readonly state: KeyLife;
  /**
   * Nothing was sealed under it that is still there; of a retired key no wrap is left either. An
   * active key is never clean.
   */
  readonly clean: boolean;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly appliedIndex: number;
  readonly timeMs: number;
  readonly counted: readonly ProofCount[];
  readonly filesExamined: number;
  /** HMAC-SHA-256 over the rest under a key derived from the active log DEK, and that key's id. */
  readonly macKeyId: number;
  readonly mac: string;
}

/** The rewrite as it stands when the request is answered. */
export type RewriteChanged = Applied & RewriteInfo;

export interface ResyncReport {
  /** One line a step, in the order in which they are or would be done. Empty: nothing to do. */
  readonly steps: readonly string[];
  readonly done: boolean;
}

export interface KeyOperations {
  capability(): Capability;
  keyring(): KeyringInfo;
  /** Newest last. */
  history(): readonly KeyEvent[];
  /** Asks every KEK now. Never needed on a read or write path. */
  probeKeks(): Promise<readonly KekInfo[]>;

  /** First keys of a database that began in clear. Nothing is sealed by it yet. */
  bootstrap(request: RequestId): Promise<Applied>;
  enableStorage(request: RequestId): Promise<Applied>;
  enableLog(request: RequestId): Promise<Applied>;
  /** `ifActive`: refused as already done unless this key is the active one; 0: any. */
  rotate(
    request: RequestId,
    purpose: "storage" | "log",
    ifActive: number,
  ): Promise<Applied & { readonly keyId: number }>;
  /** A new load of this node under the active keys: fresh epochs, salts and session. */
  registerWriter(request: RequestId): Promise<Applied>;
  /** Every DEK is wrapped by it too, after each was seen to open under it. `spec`: as --kek. */
  addKek(request: RequestId, spec: string): Promise<Applied & { readonly kekId: string }>;
  /** Refused for the last KEK that this node can use. */
  removeKek(request: RequestId, kekId: string): Promise<Applied>;
  replaceKek(
    request: RequestId,
    kekId: string,
    spec: string,
  ): Promise<Applied & { readonly kekId: string }>;
  fence(request: RequestId, keyId: number): Promise<Applied>;
  /** Refused while anything is under the key; fences first if that was not done. */
  retire(request: RequestId, keyId: number): Promise<Applied>;
  proof(keyId: number): Promise<Proof>;
  /** Only on a halted node: lets it pass the entry at which it halted. */
  skip(request: RequestId, index: number, reason: string): Promise<Applied>;

  /** The compactor copies what is under the key until nothing is; 0 bytes a second: unthrottled. */
  startRewrite(request: RequestId, keyId: number, bytesPerSecond: number): Promise<RewriteChanged>;
  pauseRewrite(request: RequestId, keyId: number): Promise<RewriteChanged>;
  resumeRewrite(request: RequestId, keyId: number): Promise<RewriteChanged>;
  throttleRewrite(
    request: RequestId,
    keyId: number,
    bytesPerSecond: number,
  ): Promise<RewriteChanged>;
  cancelRewrite(request: RequestId, keyId: number): Promise<RewriteChanged>;
  rewrite(keyId: number): RewriteInfo | null;

  /** Explains, and with `apply` mends, what sidecar and store disagree about. */
  resync(request: RequestId, apply: boolean): Promise<Applied & ResyncReport>;
}
