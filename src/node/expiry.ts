/**
 * Active expiry: finds keys whose time has come, resident or not, and proposes their deletion. It
 * changes nothing itself: every replica deletes them when the entry is applied, if their expiry
 * still lies at or before the entry's time.
 * @module
 */
import { isStrongroomError } from "../base/errors.ts";
import type { Databases } from "../keyspace/databases.ts";
import { flag } from "../keyspace/entries.ts";
import type { Store } from "../store/store.ts";
import type { StoreSource } from "./source.ts";

/** Entries and index slots looked at in one step. */
const residentStep = 20_000;
const storeStep = 2000;
const storeStepsMax = 25;
/** Keys proposed in one step. */
const keysMax = 1000;

export class ExpiryCycle {
  enabled = true;
  private readonly databases: Databases;
  private readonly store: Store;
  private readonly source: StoreSource;
  private readonly propose: (db: number, keys: readonly Buffer[]) => void;
  private hand = 0;

  constructor(
    databases: Databases,
    store: Store,
    source: StoreSource,
    propose: (db: number, keys: readonly Buffer[]) => void,
  ) {
    this.databases = databases;
    this.store = store;
    this.source = source;
    this.propose = propose;
  }

  /** Looks at the next part of everything. @returns how many keys it proposed to delete. */
  step(nowMs: number): number {
    if (!this.enabled) return 0;
    const found = new Map<number, Buffer[]>();
    const count = this.sweepResident(nowMs, found) + this.sweepStore(nowMs, found);
    for (const [keyspace, keys] of found) {
      const db = this.databases.ids.indexOf(keyspace);
      if (db >= 0) this.propose(db, keys);
    }
    return count;
  }

  private sweepResident(nowMs: number, found: Map<number, Buffer[]>): number {
    const { entries } = this.databases.resident;
    let count = 0;
    const steps = Math.min(residentStep, entries.top);
    for (let n = 0; n < steps && count < keysMax; n++) {
      this.hand = this.hand >= entries.top ? 1 : this.hand + 1;
      const id = this.hand;
      const expireAt = entries.expireAt(id);
      const flags = entries.flags(id);
      if (expireAt === 0 || expireAt > nowMs || flags === 0) continue;
      if ((flags & flag.deleted) !== 0) continue;
      const at = entries.keyAt(id);
      const end = at + entries.keyLength(id);
      add(found, entries.keyspace(id), entries.buffer(id), at, end);
      count++;
    }
    return count;
  }

  private sweepStore(nowMs: number, found: Map<number, Buffer[]>): number {
    const { entries } = this.databases.resident;
    let count = 0;
    const visit = (physical: Buffer): void => {
      try {
        const root = this.source.loadPhysical(physical, 0);
        if (root === null || root.expireAt === 0 || root.expireAt > nowMs) return;
        const { buffer, keyStart, valueStart, keyspace } = root;
        const hash = entries.hashOf(keyspace, buffer, keyStart, valueStart);
        // What is resident was looked at above.
        if (entries.find(hash, keyspace, buffer, keyStart, valueStart) !== 0) return;
        add(found, keyspace, buffer, keyStart, valueStart);
        count++;
      } catch (error) {
        // A damaged record answers its readers with its error; it does not stop the others.
        if (!isStrongroomError(error)) throw error;
      }
    };
    for (let n = 0; n < storeStepsMax && count < keysMax; n++)
      this.store.expired(nowMs, storeStep, visit);
    return count;
  }
}

function add(
  found: Map<number, Buffer[]>,
  keyspace: number,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  const keys = found.get(keyspace) ?? [];
  if (keys.length === 0) found.set(keyspace, keys);
  keys.push(Buffer.from(buffer.subarray(start, end)));
}
