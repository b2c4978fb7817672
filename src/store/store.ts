/**
 * The store: sealed records under physical keys, one durable state at a time. A run carries exactly
 * the changes up to one applied index; it becomes durable whole, with its commit and its control
 * records, or not at all. What is read was authenticated, or an error is thrown: never a wrong
 * value, never a silently missing one.
 * @module
 */
import type { CommitFields, ControlRecord } from "../entry/record.ts";

export type { ControlRecord } from "../entry/record.ts";

/** What a flush says about the state that it makes durable. */
export type CommitMeta = Omit<CommitFields, "number">;
/** The last durable state; number 0 stands for the empty store. */
export type Commit = CommitFields;

export const emptyCommit: Commit = {
  number: 0,
  appliedIndex: 0,
  session: 0n,
  seq: 0,
  commitTs: 0n,
};

/** An opened record. One object, overwritten by the next `get`; so is the memory of `body`. */
export interface OpenedRecord {
  readonly body: Buffer;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Milliseconds since 1970, 0: never. */
  readonly expireAt: number;
  readonly commitTs: bigint;
  readonly sequence: number;
  readonly keyspace: number;
  readonly root: boolean;
}

/** Collects the records of one run. After `flush` resolved it belongs to the store again. */
export interface RunBuilder {
  /** Bytes that the run will take in its segment, commit and padding aside. */
  readonly bytes: number;
  readonly records: number;
  /** The memory that `put` reserves in; replaced when it grows, so read it after each `put`. */
  readonly buffer: Buffer;
  /** Where the records may end in `buffer` as it is. */
  readonly room: number;
  /** Somebody has written the frames of `frames` puts to `buffer[bytes, end)`. */
  written(end: number, frames: number): void;
  /**
   * Reserves a put and returns the offset in `buffer` at which the caller writes the body.
   * @param expireAt - Milliseconds since 1970, 0: never.
   * @param compressible - A whole string value: compressed before sealing if that is switched on.
   */
  put(
    physical: Uint8Array,
    physicalAt: number,
    root: boolean,
    keyspace: number,
    expireAt: number,
    commitTs: bigint,
    bodyLength: number,
    compressible?: boolean,
  ): number;
  tombstone(
    physical: Uint8Array,
    physicalAt: number,
    root: boolean,
    keyspace: number,
    commitTs: bigint,
  ): void;
  control(table: number, deleted: boolean, key: Uint8Array, value: Uint8Array): void;
  /** Makes room for so many bytes of records more, at 128 for each beside its key and value. */
  reserve(bytes: number): void;
}

/** What lies under one storage key. Key id 0: clear. */
export interface KeyUsage {
  readonly keyId: number;
  readonly segments: number;
  readonly bytes: number;
  readonly records: number;
  readonly deadBytes: number;
}

export interface StoreStats {
  readonly keys: readonly KeyUsage[];
  readonly segments: number;
  readonly bytes: number;
  readonly records: number;
  readonly deadBytes: number;
  /** Memory of the index. */
  readonly indexBytes: number;
  readonly flushes: number;
  readonly flushedBytes: number;
  readonly compactions: number;
  readonly compactedBytes: number;
  /** What is damaged or cannot be read, as far as is known, in words without user data. */
  readonly damage: readonly string[];
}

export interface StoreCapabilities {
  /** Control records are durable in the same commit as the applied index. */
  readonly durableControl: boolean;
}

export type VisitRoot = (physical: Buffer) => void;

export interface Store {
  readonly capabilities: StoreCapabilities;
  readonly durable: Commit;
  /**
   * The newest record of a key, if it is a put.
   * @throws STORE_RECORD_DAMAGED, STORE_READ_FAILED, or what the keys throw.
   */
  get(physical: Uint8Array, at: number): OpenedRecord | null;
  /**
   * `get` will be called for the keys at 16n of `physicals`, n below `count`: what can be done for
   * all of them together is done now. Only a hint, that changes no answer and never throws.
   */
  foresee(physicals: Uint8Array, count: number): void;
  /** True if the newest durable record of the key is a put. */
  has(physical: Uint8Array, at: number): boolean;
  /** True if any record of the key is on disk: only then does deleting it need a tombstone. */
  onDisk(physical: Uint8Array, at: number): boolean;
  /** Roots of a keyspace that exist, those marked as pending included. O(1). */
  count(keyspace: number): number;
  /** Keys of a keyspace whose newest record on disk has an expiry. O(1). */
  expiring(keyspace: number): number;
  /** True if the newest record of the key on disk has an expiry. */
  expires(physical: Uint8Array, at: number): boolean;
  /**
   * When the put that `get` would return expires, without opening it: seconds since 1970, rounded
   * up (0xffff_ffff: then or later); 0: never; -1: `get` returns null.
   */
  expiryOf(physical: Uint8Array, at: number): number;
  /** Records of a keyspace on disk, dead ones included: 0 means nothing of it is left. */
  recordsOf(keyspace: number): number;
  /**
   * A root exists (or not) by a change that was not flushed yet: counts and scans follow it. The
   * flush of a record of the key takes the mark back.
   */
  markPending(physical: Uint8Array, at: number, keyspace: number, exists: boolean): void;
  /**
   * Visits about `count` roots in the order of physical keys from `cursor` (0n: the beginning).
   * Keys that stay are met exactly once, whatever else changes.
   * @returns The next cursor; 0n at the end.
   */
  scan(keyspace: number, cursor: bigint, count: number, visit: VisitRoot): bigint;
  /** A root near the place that `draw`, in [0, 1), points at. A view until the next walk. */
  random(keyspace: number, draw: number): Buffer | null;
  /** Visits roots whose expiry, in whole seconds rounded up, is past; goes on where it stopped. */
  expired(nowMs: number, slotsMax: number, visit: VisitRoot): void;
  /** The keyspace id is no more: its roots are gone at once, its records in the background. */
  dropKeyspace(keyspace: number): void;
  /**
   * A new run; those that were flushed are used again.
   * @param bytes - What it will hold, as far as is known: it then need not grow.
   */
  newRun(bytes?: number): RunBuilder;
  /**
   * What the run holds will not change, and what is still to come fits into what was reserved: the
   * store may seal and write it while more is added. `flush` or `discard` must follow; other runs
   * wait for that.
   */
  advance(run: RunBuilder): void;
  /** Takes a run back that will not be flushed. */
  discard(run: RunBuilder): void;
  /**
   * Resolves once the run is durable and in the index. One after the other, in order of the calls.
   * @throws STORE_DISK_FULL: the run may be flushed again later, nothing was lost.
   * @throws STORE_WRITE_FAILED, from then on always: what is durable is unknown until a restart.
   */
  flush(run: RunBuilder, commit: CommitMeta): Promise<void>;
  /** All rows of all tables that are not deleted, as of `durable`. */
  controls(): Iterable<ControlRecord>;
  stats(): StoreStats;
  close(): Promise<void>;
}

/** Keys of the storage purpose. `active().keyId` 0: new segments are clear. */
export interface StorageKeys {
  active(): { readonly keyId: number; readonly node16: number; readonly epoch: number };
  /**
   * The key that signs manifests, 0 for none, and whether new segments are sealed under it. Known
   * at all times, where `active` needs this load's registration.
   */
  signing(): { readonly keyId: number; readonly sealed: boolean };
  /** @returns 32 bytes of the caller's own, to be zeroed. @throws CRYPTO_KEY_UNKNOWN */
  derive(keyId: number, salt: Uint8Array, node16: number, epoch: number): Buffer;
  /** A key for MACs, by kind of file. @returns 32 bytes of the caller's own. */
  macKey(keyId: number, kind: string): Buffer;
}
