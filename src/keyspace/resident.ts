/**
 * The resident set: what is in memory of a group's databases, what of it is dirty, and what may be
 * evicted. Deleting leaves a mark that stays until its tombstone is durable; a frozen record is
 * encoded before anything changes it. Reads change nothing but what is resident.
 * @module
 */
import { assert } from "../base/assert.ts";
import { RecentMisses } from "./admission.ts";
import { DeletionClock } from "./deletions.ts";
import { Entries, entryBytes, flag, physicalBytes, pinned } from "./entries.ts";
import { IdList } from "./idlist.ts";
import { type CommandRun, ManyEntries, recordOverheadBytes } from "./many.ts";
import type { EntriesNative, FreezeWatcher, LoadedRoot, RecordSource } from "./ports.ts";

export const typeString = 1;
const evictStepsMax = 16384;
/** The same after nothing but pinned entries was met everywhere: until a run lands they stay so. */
const stuckStepsMax = 64;
/** A look that meets nothing but pinned entries has the next one begin this share further on. */
const leapsMax = 8;

export class Resident {
  readonly entries: Entries;
  readonly many: ManyEntries;
  readonly deletions = new DeletionClock();
  private readonly misses = new RecentMisses();
  /** Hash of the key that was peeked at last and is not resident. */
  private peeked = 0;
  /** Where the current entry stands: stamped on everything that it changes. */
  index = 0;
  ordinal = 0;
  /**
   * Bytes of the values that the current entry changed, as long as it made them; not those of plain
   * SETs, and never by what is resident: every replica counts the same.
   */
  entryBytes = 0;
  dirty = new IdList();
  /** About what a run of the dirty set takes. */
  dirtyBytes = 0;
  /** Part of `dirtyBytes`: entries that the run under way keeps in memory anyway. */
  sharedBytes = 0;
  /** Of the set that was frozen last, at most. */
  frozenBytes = 0;
  /** Changes since the last freeze, repeated ones included. */
  changes = 0;
  readonly source: RecordSource;
  private watcher: FreezeWatcher | null = null;
  /** Of the set that was frozen last; takes the next dirty set when that one is frozen. */
  private frozen = new IdList();
  private hand = 0;
  /** So many of the last looks, `leapsMax` at most, found nothing that may go. */
  private vain = 0;

  /** @param seed - 32 secret bits. @param native - null: entries are met one by one. */
  constructor(source: RecordSource, seed: number, native: EntriesNative | null = null) {
    this.source = source;
    this.entries = new Entries(seed);
    this.many = new ManyEntries(this.entries, native);
  }

  /** Who encodes frozen records. */
  watchFreeze(watcher: FreezeWatcher): void {
    this.watcher = watcher;
  }

  get bytes(): number {
    return this.entries.bytes;
  }

  /** The entry of a key, loaded if need be; 0 if it does not exist at `nowMs`. */
  lookup(keyspace: number, buffer: Buffer, start: number, end: number, nowMs: number): number {
    const entries = this.entries;
    const hash = entries.hashOf(keyspace, buffer, start, end);
    let id = entries.find(hash, keyspace, buffer, start, end);
    if (id === 0) {
      id = this.load(hash, keyspace, buffer, start, end);
      if (id === 0) return 0;
    }
    const flags = entries.flags(id);
    if ((flags & flag.deleted) !== 0) return 0;
    const expireAt = entries.expireAt(id);
    if (expireAt !== 0 && expireAt <= nowMs) return 0;
    entries.setFlags(id, flags | flag.used);
    return id;
  }

  /**
   * The entry of a key if it is resident, without loading it.
   * @returns 0 if it is not; -1 if it is known not to exist at `nowMs`.
   */
  peek(keyspace: number, buffer: Buffer, start: number, end: number, nowMs: number): number {
    const { entries } = this;
    const hash = entries.hashOf(keyspace, buffer, start, end);
    const id = entries.find(hash, keyspace, buffer, start, end);
    if (id === 0) {
      this.peeked = hash;
      return 0;
    }
    const flags = entries.flags(id);
    const expireAt = entries.expireAt(id);
    if ((flags & flag.deleted) !== 0 || (expireAt !== 0 && expireAt <= nowMs)) return -1;
    entries.setFlags(id, flags | flag.used);
    return id;
  }

  /** Whether a full cache takes in what was peeked at last, which is not resident. */
  admits(): boolean {
    return this.misses.again(this.peeked);
  }

  /** A root as the store holds it, without becoming resident; null if it is absent or expired. */
  readThrough(
    keyspace: number,
    buffer: Buffer,
    start: number,
    end: number,
    nowMs: number,
  ): LoadedRoot | null {
    const root = this.source.load(keyspace, buffer, start, end);
    if (root === null || (root.expireAt !== 0 && root.expireAt <= nowMs)) return null;
    return root;
  }

  private load(hash: number, keyspace: number, buffer: Buffer, start: number, end: number): number {
    const root = this.source.load(keyspace, buffer, start, end);
    if (root === null) return 0;
    const entries = this.entries;
    const length = root.valueEnd - root.valueStart;
    const id = entries.insert(hash, keyspace, buffer, start, end, length);
    entries.setFlags(id, root.type | flag.physical | (root.raw ? flag.raw : 0));
    entries.setExpireAt(id, root.expireAt);
    entries.setModified(id, root.index, root.ordinal);
    const own = entries.buffer(id);
    const at = entries.physicalAt(id);
    own.set(root.physical, at);
    root.buffer.copy(own, entries.valueAt(id), root.valueStart, root.valueEnd);
    return id;
  }

  /** The entry of a key for being replaced: created if not resident, without loading. */
  replace(
    keyspace: number,
    buffer: Buffer,
    start: number,
    end: number,
    type: number,
    length: number,
  ): number {
    const entries = this.entries;
    const hash = entries.hashOf(keyspace, buffer, start, end);
    let id = entries.find(hash, keyspace, buffer, start, end);
    if (id === 0) {
      id = entries.insert(hash, keyspace, buffer, start, end, length);
      this.markChanged(id);
    } else {
      this.markChanged(id);
      this.resize(id, length);
    }
    const kept = flag.dirty | flag.flying | flag.physical | flag.listed;
    entries.setFlags(id, (entries.flags(id) & kept) | type | flag.used);
    return id;
  }

  /**
   * Replaces strings as plain SETs of the current entry, from command `ordinal` on, do: as
   * `replace` does for one. What is no such SET, or not to be had so, ends it.
   * @param code - Of SET. @returns how many, at most `max`; `run.at` was moved behind them.
   */
  setMany(
    run: CommandRun,
    code: number,
    max: number,
    nowMs: number,
    keyspaces: Uint32Array,
  ): number {
    const { many, index, ordinal } = this;
    const done = many.set(run, code, max, { index, ordinal, nowMs }, keyspaces);
    if (done === 0) return 0;
    this.ordinal = ordinal + done - 1;
    this.changes += done;
    this.dirtyBytes += many.dirtiedBytes;
    this.sharedBytes += many.dirtiedSharedBytes;
    many.takeDirty(this.dirty);
    return done;
  }

  /** Must come before a change that keeps the value, or makes another one of it. */
  edit(id: number): void {
    const { entries } = this;
    if (entries.index(id) !== this.index) this.entryBytes += entries.valueLength(id);
    this.markChanged(id);
  }

  /** Makes a value longer, or shorter, that is being edited. */
  stretch(id: number, length: number): void {
    this.entryBytes += Math.max(0, length - this.entries.valueLength(id));
    this.resize(id, length);
  }

  private resize(id: number, length: number): void {
    this.dirtyBytes += length - this.entries.valueLength(id);
    this.entries.resize(id, length);
  }

  private markChanged(id: number): void {
    const entries = this.entries;
    const flags = entries.flags(id);
    if ((flags & flag.frozen) !== 0) {
      assert(this.watcher !== null);
      this.watcher.beforeChange(id);
    }
    entries.setModified(id, this.index, this.ordinal);
    this.changes++;
    if ((flags & flag.dirty) !== 0) return;
    entries.setFlags(id, entries.flags(id) | flag.dirty);
    this.dirty.push(id);
    const bytes = this.recordBytes(id);
    this.dirtyBytes += bytes;
    if ((flags & (flag.frozen | flag.flying)) !== 0) this.sharedBytes += bytes;
  }

  private recordBytes(id: number): number {
    const { entries } = this;
    return recordOverheadBytes + entries.keyLength(id) + entries.valueLength(id);
  }

  /** Marks an existing entry as deleted. */
  erase(id: number): void {
    this.markChanged(id);
    const entries = this.entries;
    this.noteDeletion(id);
    this.resize(id, 0);
    entries.setExpireAt(id, 0);
    const kept = flag.dirty | flag.flying | flag.physical | flag.unlisted;
    entries.setFlags(id, (entries.flags(id) & kept) | flag.deleted);
  }

  /** It may be gone from then on without an entry that says so: noted now. @param expireAt - ms. */
  setExpiry(id: number, expireAt: number): void {
    this.entries.setExpireAt(id, expireAt);
    if (expireAt !== 0) this.noteDeletion(id);
  }

  private noteDeletion(id: number): void {
    const { entries } = this;
    const at = entries.keyAt(id);
    const end = at + entries.keyLength(id);
    this.deletions.note(entries.keyspace(id), entries.buffer(id), at, end, this.index);
  }

  /**
   * Takes the dirty set as it is now. Its entries stay as they are until they are encoded. The run
   * before must have landed or returned: an entry does not know in which of two it is flying.
   * @returns their ids, valid until the next freeze.
   */
  freeze(): Int32Array {
    const { dirty } = this;
    const frozen = dirty.view;
    let bytes = 0;
    this.dirty = this.frozen;
    this.dirty.clear();
    this.frozen = dirty;
    this.dirtyBytes = 0;
    this.sharedBytes = 0;
    this.changes = 0;
    const { entries } = this;
    for (const id of frozen) {
      const old = entries.flags(id);
      assert((old & (flag.frozen | flag.flying)) === 0, "frozen while a run is under way");
      entries.setFlags(id, (old & ~flag.dirty) | flag.frozen);
      bytes += this.recordBytes(id);
    }
    this.frozenBytes = bytes;
    return frozen;
  }

  /** A frozen entry has been encoded; until its run is in the index it stays resident. */
  encoded(id: number): void {
    const { entries } = this;
    entries.setFlags(id, (entries.flags(id) & ~flag.frozen) | flag.flying);
  }

  /** The run of an encoded entry is durable and in the index. */
  landed(id: number): void {
    const { entries } = this;
    const now = entries.flags(id) & ~(flag.flying | flag.listed | flag.unlisted);
    entries.setFlags(id, now);
    if ((now & flag.deleted) !== 0 && (now & pinned) === 0) entries.remove(id);
  }

  /** A run failed: what it held is dirty again. */
  returned(id: number): void {
    const { entries } = this;
    entries.setFlags(id, entries.flags(id) & ~(flag.flying | flag.frozen));
    if ((entries.flags(id) & flag.dirty) !== 0) return;
    entries.setFlags(id, entries.flags(id) | flag.dirty);
    this.dirty.push(id);
    this.dirtyBytes += this.recordBytes(id);
  }

  /**
   * Evicts clean entries, those not used since the last visit first, until `limit` holds or a
   * bounded number of entries was looked at.
   * @param live - Keyspaces that are not given up.
   */
  evict(limit: number, live: Uint32Array): void {
    const { entries, many } = this;
    if (entries.arena.bytes > limit) entries.compact();
    let steps = this.vain === leapsMax ? stuckStepsMax : evictStepsMax;
    let movable = false;
    while (entries.bytes > limit && entries.count > 0 && steps > 0) {
      steps = many.evict(this.hand, steps, limit, live);
      this.hand = many.hand;
      if (many.movable) movable = true;
      if (steps-- > 0 && entries.bytes > limit && this.evictNext(live)) movable = true;
    }
    if (movable || entries.bytes <= limit) this.vain = 0;
    else this.leap();
  }

  /**
   * What is written without end stands in front of the hand and is pinned: a hand that waited there
   * would follow it, and what is behind would never go.
   */
  private leap(): void {
    const { top } = this.entries;
    this.hand = (this.hand + Math.ceil(top / leapsMax)) % (top + 1);
    this.vain = top <= evictStepsMax ? leapsMax : Math.min(this.vain + 1, leapsMax);
  }

  /** @returns whether it met an entry that is not pinned. */
  private evictNext(live: Uint32Array): boolean {
    const { entries } = this;
    this.hand = this.hand >= entries.top ? 1 : this.hand + 1;
    const flags = entries.flags(this.hand);
    if (flags === 0 || (flags & pinned) !== 0) return false;
    if ((flags & flag.used) !== 0 && isAmong(live, entries.keyspace(this.hand)))
      entries.setFlags(this.hand, flags & ~flag.used);
    else entries.remove(this.hand);
    return true;
  }

  /** Evicts every clean entry; for tests of determinism. */
  evictAll(): void {
    for (let id = 1; id <= this.entries.top; id++) {
      const flags = this.entries.flags(id);
      if (flags !== 0 && (flags & pinned) === 0) this.entries.remove(id);
    }
  }

  /** Bytes of one entry with overhead. */
  bytesOf(id: number): number {
    const entries = this.entries;
    return entryBytes + physicalBytes + entries.keyLength(id) + entries.valueLength(id);
  }
}

/** True if the keyspace is one of these. */
export function isAmong(live: Uint32Array, keyspace: number): boolean {
  // Every eviction asks: `includes` would be a call into the runtime each time.
  for (let n = 0; n < live.length; n++) if (live[n] === keyspace) return true;
  return false;
}
