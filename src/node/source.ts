/**
 * Loads roots from the store for the resident set: physical key, index, read, open, check the
 * name. Synchronous, because commands are; nothing is allocated but views.
 * @module
 */
import { sameBytes } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import type { PhysicalKeys } from "../crypto/prf.ts";
import { type RootHeader, readRootHeader, rootHeaderBytes } from "../entry/root.ts";
import type { LoadedRoot, RecordSource } from "../keyspace/ports.ts";
import type { OpenedRecord, Store } from "../store/store.ts";

/** A root with its name: buffer[keyStart, valueStart). */
export interface LoadedName extends LoadedRoot {
  readonly keyspace: number;
  readonly keyStart: number;
}

class Root implements LoadedName, RootHeader {
  type = 0;
  raw = false;
  expireAt = 0;
  index = 0;
  ordinal = 0;
  keyLength = 0;
  buffer: Buffer = Buffer.alloc(0);
  keyspace = 0;
  keyStart = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly physical: Buffer = Buffer.alloc(16);
}

export class StoreSource implements RecordSource {
  private readonly store: Store;
  private readonly keys: PhysicalKeys;
  private readonly root = new Root();
  /** Names that are foreseen. */
  private count = 0;

  constructor(store: Store, keys: PhysicalKeys) {
    this.store = store;
    this.keys = keys;
  }

  load(keyspace: number, buffer: Buffer, start: number, end: number): LoadedRoot | null {
    const { root } = this;
    this.keys.root(keyspace, buffer, start, end, root.physical, 0);
    const record = this.store.get(root.physical, 0);
    if (record === null) return null;
    this.parse(record);
    const { keyStart, keyLength } = root;
    const same =
      keyLength === end - start && sameBytes(root.buffer, keyStart, buffer, start, keyLength);
    if (!same || record.keyspace !== keyspace)
      throw new StrongroomError("STORE_KEY_COLLISION", "two names share a physical key");
    return root;
  }

  expiryOf(keyspace: number, buffer: Buffer, start: number, end: number): number {
    const { physical } = this.root;
    this.keys.root(keyspace, buffer, start, end, physical, 0);
    return this.store.expiryOf(physical, 0);
  }

  beginForeseeing(): void {
    this.keys.beginForeseeing();
    this.count = 0;
  }

  foresee(keyspace: number, buffer: Buffer, start: number, end: number): void {
    if (this.keys.foresee(keyspace, buffer, start, end)) this.count++;
  }

  endForeseeing(): void {
    if (this.count > 0) this.store.foresee(this.keys.foreseen(), this.count);
  }

  /** The root under a physical key, for scans; its name is buffer[keyStart, valueStart). */
  loadPhysical(physical: Uint8Array, at: number): LoadedName | null {
    const record = this.store.get(physical, at);
    if (record === null) return null;
    this.parse(record);
    return this.root;
  }

  private parse(record: OpenedRecord): void {
    const { root } = this;
    readRootHeader(record.body, record.bodyStart, record.bodyEnd, root);
    root.buffer = record.body;
    root.keyspace = record.keyspace;
    root.expireAt = record.expireAt;
    root.keyStart = record.bodyStart + rootHeaderBytes;
    root.valueStart = root.keyStart + root.keyLength;
    root.valueEnd = record.bodyEnd;
  }
}
