/**
 * All keys of the databases, resident or not: DBSIZE, SCAN, RANDOMKEY. The store's index knows what
 * was flushed; what was not is marked there when somebody asks, so that the hot path pays nothing.
 * Results are this node's own and never part of an entry.
 * @module
 */
import { isStrongroomError, type StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";
import type { PhysicalKeys } from "../crypto/prf.ts";
import type { Directory, ScanPage } from "../keyspace/api.ts";
import type { Databases } from "../keyspace/databases.ts";
import { flag } from "../keyspace/entries.ts";
import type { Store } from "../store/store.ts";
import type { StoreSource } from "./source.ts";

/** Attempts of RANDOMKEY to find a key that has not expired, as in Redis. */
const randomAttempts = 100;
/** What says that a record itself is bad, and not that it cannot be read now. */
const damageCodes = ["STORE_RECORD_DAMAGED"] as const;
/** Damaged records that are told one by one. */
const damagedMax = 10_000;

export interface DirectoryDeps {
  readonly store: Store;
  readonly source: StoreSource;
  readonly keys: PhysicalKeys;
  readonly random: Random;
  /** Ids of the run under way. */
  readonly flying: () => Int32Array;
  /** Tells the operator of damage. */
  readonly alarm: (event: string, detail: string) => void;
}

export class NodeDirectory implements Directory {
  private readonly deps: DirectoryDeps;
  private databases: Databases | null = null;
  /** Entries marked in the index that it has no place for yet, by physical key. */
  private readonly marks = new Map<string, number>();
  /** Physical keys that the operator was told of. */
  private readonly damaged = new Set<string>();

  constructor(deps: DirectoryDeps) {
    this.deps = deps;
  }

  /** The databases and their directory need each other; called once. */
  attach(databases: Databases): void {
    this.databases = databases;
  }

  private get data(): Databases {
    return this.databases as Databases;
  }

  /** Tells the index about everything that is not flushed. */
  private resolve(): void {
    for (const id of this.deps.flying()) this.mark(id);
    for (const id of this.data.resident.dirty.view) this.mark(id);
  }

  private mark(id: number): void {
    const { entries } = this.data.resident;
    const flags = entries.flags(id);
    const exists = (flags & flag.deleted) === 0;
    if ((flags & (exists ? flag.listed : flag.unlisted)) !== 0) return;
    if ((flags & (flag.dirty | flag.frozen | flag.flying)) === 0) return;
    const keyspace = entries.keyspace(id);
    if (!this.data.isLive(keyspace)) return;
    const at = entries.physicalAt(id);
    const buffer = entries.buffer(id);
    if ((flags & flag.physical) === 0) {
      const keyAt = entries.keyAt(id);
      const end = keyAt + entries.keyLength(id);
      this.deps.keys.root(keyspace, buffer, keyAt, end, buffer, at);
    }
    const others = flags & ~(flag.listed | flag.unlisted);
    entries.setFlags(id, others | flag.physical | (exists ? flag.listed : flag.unlisted));
    this.deps.store.markPending(buffer, at, keyspace, exists);
    if (exists) this.marks.set(buffer.toString("latin1", at, at + 16), id);
  }

  /** A run has landed: the index has places for what it held. */
  landed(): void {
    this.marks.clear();
    const { entries, dirty } = this.data.resident;
    for (const id of dirty.view)
      entries.setFlags(id, entries.flags(id) & ~(flag.listed | flag.unlisted));
  }

  count(database: number): number {
    this.resolve();
    return this.deps.store.count(this.data.ids[database] as number);
  }

  expiring(database: number): number {
    this.resolve();
    const keyspace = this.data.ids[database] as number;
    let count = this.deps.store.expiring(keyspace);
    // What is not flushed counts as it is, not as the index has it.
    const { entries, dirty } = this.data.resident;
    // What changed since stands in both.
    for (const id of this.deps.flying())
      if ((entries.flags(id) & flag.dirty) === 0) count += this.expiringMore(keyspace, id);
    for (const id of dirty.view) count += this.expiringMore(keyspace, id);
    return count;
  }

  /** 1, 0 or -1, for an entry that is not flushed. */
  private expiringMore(keyspace: number, id: number): number {
    const { entries } = this.data.resident;
    if (entries.keyspace(id) !== keyspace) return 0;
    const flags = entries.flags(id);
    if ((flags & (flag.dirty | flag.frozen | flag.flying)) === 0) return 0;
    const known = this.deps.store.expires(entries.buffer(id), entries.physicalAt(id));
    const expires = entries.expireAt(id) !== 0 && (flags & flag.deleted) === 0;
    return Number(expires) - Number(known);
  }

  scan(database: number, cursor: bigint, count: number): ScanPage {
    this.resolve();
    const keys: Buffer[] = [];
    const keyspace = this.data.ids[database] as number;
    const next = this.deps.store.scan(keyspace, cursor, count, (physical) => {
      const name = this.readableName(keyspace, physical);
      if (name !== null) keys.push(name);
    });
    return { cursor: next, keys };
  }

  random(database: number): Buffer | null {
    this.resolve();
    const keyspace = this.data.ids[database] as number;
    // Where there are few keys, each attempt looks through much of the index.
    const attempts = Math.min(randomAttempts, this.deps.store.count(keyspace) * 4);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const draw = this.deps.random.bytes(4).readUInt32BE() / 0x1_0000_0000;
      const physical = this.deps.store.random(keyspace, draw);
      if (physical === null) return null;
      const name = this.readableName(keyspace, physical);
      if (name !== null) return name;
    }
    return null;
  }

  /** As `nameOf`; null too for a damaged record, which is left out so that the others are found. */
  private readableName(keyspace: number, physical: Buffer): Buffer | null {
    try {
      return this.nameOf(keyspace, physical);
    } catch (error) {
      if (!isStrongroomError(error, ...damageCodes)) throw error;
      this.noteDamage(physical, (error as StrongroomError).message);
      return null;
    }
  }

  private noteDamage(physical: Buffer, message: string): void {
    const key = physical.toString("latin1", 0, 16);
    if (this.damaged.has(key) || this.damaged.size >= damagedMax) return;
    this.damaged.add(key);
    this.deps.alarm("record-damaged", message);
  }

  /** Records that could not be opened when somebody looked for names; counted up to a bound. */
  get damagedRecords(): number {
    return this.damaged.size;
  }

  /** A copy of the key's name; null if it is gone or expired by now. */
  private nameOf(keyspace: number, physical: Buffer): Buffer | null {
    const { resident, nowMs } = this.data;
    const { entries } = resident;
    const marked = this.marks.size === 0 ? 0 : this.marks.get(physical.toString("latin1", 0, 16));
    if (marked !== undefined && marked !== 0 && this.isStill(marked, physical))
      return this.liveName(marked, nowMs);
    const root = this.deps.source.loadPhysical(physical, 0);
    if (root === null) return null;
    const { buffer, keyStart, valueStart } = root;
    const hash = entries.hashOf(keyspace, buffer, keyStart, valueStart);
    const id = entries.find(hash, keyspace, buffer, keyStart, valueStart);
    if (id !== 0) return this.liveName(id, nowMs);
    if (root.expireAt !== 0 && root.expireAt <= nowMs) return null;
    return Buffer.from(buffer.subarray(keyStart, valueStart));
  }

  /** False once a run has landed and the entry's number went to another key. */
  private isStill(id: number, physical: Buffer): boolean {
    const { entries } = this.data.resident;
    if ((entries.flags(id) & flag.physical) === 0) return false;
    const at = entries.physicalAt(id);
    return entries.buffer(id).compare(physical, 0, 16, at, at + 16) === 0;
  }

  private liveName(id: number, nowMs: number): Buffer | null {
    const { entries } = this.data.resident;
    const expireAt = entries.expireAt(id);
    if ((entries.flags(id) & flag.deleted) !== 0) return null;
    if (expireAt !== 0 && expireAt <= nowMs) return null;
    const at = entries.keyAt(id);
    const end = at + entries.keyLength(id);
    return Buffer.from(entries.buffer(id).subarray(at, end));
  }
}
