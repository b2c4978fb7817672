/**
 * What is done to many entries of the resident set at once, by the addon or, where that cannot or
 * is not there, one by one. Hazard it guards: the addon changes what the entries and the arena keep
 * books of; both ways leave the same state.
 * @module
 */
import { foreseenKeysMax } from "./api.ts";
import type { Entries } from "./entries.ts";
import type { IdList } from "./idlist.ts";
import { NamedKeys } from "./named.ts";
import type { EntriesNative } from "./ports.ts";

/** Keys that are touched at once, at most. */
export const touchedMax = foreseenKeysMax;
/** SETs that are applied at once, at most. */
export const setsMax = 256;
const databasesMax = 16;
/** What a record takes beside key and value at most: frame, header, envelope, root. */
export const recordOverheadBytes = 128;

/** Places in the order of SETs; native/src/sets.c tells what they mean. */
const set = {
  at: 0,
  end: 1,
  max: 2,
  code: 3,
  access: 4,
  ordinal: 5,
  indexHigh: 6,
  indexLow: 7,
  overhead: 8,
  secret: 9,
  dirty: 12,
  dirtyBytes: 13,
  sharedBytes: 14,
  keyspaces: 15,
  ids: 15 + databasesMax,
} as const;

/** The same of an eviction; native/src/evict.c. */
const evict = {
  hand: 0,
  steps: 1,
  limitHigh: 2,
  limitLow: 3,
  movable: 4,
  keyspaces: 5,
  words: 5 + databasesMax,
} as const;

/** Commands of a batch that are to be applied: where they begin is moved on. */
export interface CommandRun {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;
}

/** Where an entry of the log stands, and when: stamped on what its commands change. */
export interface Place {
  readonly index: number;
  /** Of the first command. */
  readonly ordinal: number;
  readonly nowMs: number;
}

export class ManyEntries {
  /** Keys that `touchKeys` is about. */
  readonly named: NamedKeys;
  private readonly entries: Entries;
  private readonly native: EntriesNative | null;
  /** Ids that were touched, and behind them what was read of them, which means nothing. */
  private readonly touched = new Int32Array(touchedMax + 1);
  private readonly sets = new Int32Array(set.ids + setsMax);
  private readonly eviction = new Int32Array(evict.words);

  /** @param native - null: everything is done here. */
  constructor(entries: Entries, native: EntriesNative | null) {
    this.entries = entries;
    this.native = native;
    this.named = new NamedKeys(entries.secret, touchedMax);
    const { seed, first, second } = entries.secret;
    this.sets.set([seed, first, second], set.secret);
    this.sets[set.overhead] = recordOverheadBytes;
  }

  /**
   * Reads what look-ups of the first `count` named keys will read, for the processor's cache: in a
   * row they wait for memory together, look-ups one after the other. Tells their hashes.
   */
  touchKeys(buffer: Buffer, count: number): void {
    const { native, named, touched, entries } = this;
    if (native === null) {
      for (let n = 0; n < count; n++) touched[n] = entries.firstOf(named.hashHere(n, buffer));
      this.touchEntries(touched, 0, count);
      return;
    }
    const { words, pieces, generation } = entries.tables;
    native.touchKeys(words, pieces, generation, buffer, named.of(count));
  }

  /** The same for the entries `ids[from, end)`, where 0 is none. */
  touchEntries(ids: ArrayLike<number>, from: number, end: number): void {
    const { entries } = this;
    let sum = 0;
    for (let n = from; n < end; n++) sum += entries.hash(ids[n] as number);
    for (let n = from; n < end; n++) {
      const id = ids[n] as number;
      if (id !== 0) sum += entries.buffer(id)[entries.physicalAt(id)] as number;
    }
    // Kept, or the reads could be left out.
    this.touched[touchedMax] = sum;
  }

  /** The same for the slots that removing entries from `id` on will look for. */
  private touchRemovals(id: number): void {
    const { entries } = this;
    const end = Math.min(id + touchedMax, entries.top + 1);
    let sum = 0;
    for (let n = id; n < end; n++) sum += entries.firstOf(entries.hash(n));
    this.touched[touchedMax] = sum;
  }

  /**
   * Applies SETs without options from `run.at` on, as long as they need nothing but the tables:
   * neither more memory for them, nor an entry encoded. Not at all without the addon.
   * @param code - Of SET. @param max - SETs at most.
   * @returns how many were applied; the members below tell of them until the next call.
   */
  set(run: CommandRun, code: number, max: number, place: Place, keyspaces: Uint32Array): number {
    const { native, sets } = this;
    if (native === null) return 0;
    sets[set.at] = run.at;
    sets[set.end] = run.end;
    sets[set.max] = Math.min(max, setsMax);
    sets[set.code] = code;
    sets[set.access] = place.nowMs / 1000;
    sets[set.ordinal] = place.ordinal;
    sets[set.indexHigh] = place.index / 0x1_0000_0000;
    sets[set.indexLow] = place.index;
    for (let n = 0; n < databasesMax; n++) sets[set.keyspaces + n] = keyspaces[n] as number;
    const { words, pieces, generation } = this.entries.tables;
    const done = native.setMany(words, pieces, generation, run.buffer, sets);
    run.at = sets[set.at] as number;
    return done;
  }

  /** Of the last `set`: adds the ids that became dirty. */
  takeDirty(dirty: IdList): void {
    const { sets } = this;
    dirty.append(sets, set.ids, set.ids + (sets[set.dirty] as number));
  }

  /** By how much a run of the dirty set grew. */
  get dirtiedBytes(): number {
    return this.sets[set.dirtyBytes] as number;
  }

  /** Part of it: entries that the run under way keeps in memory anyway. */
  get dirtiedSharedBytes(): number {
    return this.sets[set.sharedBytes] as number;
  }

  /**
   * Lets the clock hand go on from `hand` for up to `steps` entries, until what the entries take is
   * within `limit`, or one is met that is the caller's. @returns the steps that are left.
   */
  evict(hand: number, steps: number, limit: number, keyspaces: Uint32Array): number {
    const { native, eviction, entries } = this;
    eviction[evict.hand] = hand;
    eviction[evict.steps] = steps;
    eviction[evict.movable] = 0;
    if (native === null) {
      if (steps % touchedMax === 0) this.touchRemovals(hand >= entries.top ? 1 : hand + 1);
      return steps;
    }
    const slots = limit - entries.arena.largeBytes;
    eviction[evict.limitHigh] = Math.floor(slots / 0x1_0000_0000);
    eviction[evict.limitLow] = slots;
    for (let n = 0; n < databasesMax; n++) eviction[evict.keyspaces + n] = keyspaces[n] as number;
    const { words, pieces, generation } = entries.tables;
    native.evictMany(words, pieces, generation, eviction);
    return eviction[evict.steps] as number;
  }

  /** Of the last `evict`: where the hand stands. */
  get hand(): number {
    return this.eviction[evict.hand] as number;
  }

  /** Of the last `evict`: it met an entry that is not pinned. */
  get movable(): boolean {
    return this.eviction[evict.movable] === 1;
  }
}
