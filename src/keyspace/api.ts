/**
 * What a command may do with data. Keys and values are bytes; every method is synchronous and
 * deterministic: results depend on the entries applied and on `nowMs`, never on what happens to be
 * resident. A key whose expiry is at or before `nowMs` is absent to every method.
 *
 * Views returned here point into the resident set and are valid only until the next call that
 * changes anything.
 * @module
 */

export type ValueType = "string" | "list" | "hash" | "set" | "zset" | "stream";

/** Where a key was last changed: log index, and position in that entry. WATCH compares it. */
export interface Modified {
  readonly index: number;
  readonly ordinal: number;
}

export interface SetOptions {
  /** Absolute expiry in ms since 1970; 0 removes it. Without it and without keepTtl: none. */
  readonly expireAt?: number;
  readonly keepTtl?: boolean;
}

/** Keys that `Database.foresee` prepares at once. */
export const foreseenKeysMax = 16;

/** One of the 16 databases at one moment. Do not keep it over an await. */
export interface Database {
  readonly number: number;
  /** Milliseconds since 1970: the entry's time in writes, max(applied, local clock) in reads. */
  readonly nowMs: number;

  /**
   * The next calls will ask for keys[from], keys[from + 1] …, `foreseenKeysMax` of them at most.
   * Only a hint: what can be prepared for several together is. It changes no answer.
   */
  foresee(keys: readonly Uint8Array[], from: number): void;

  exists(key: Uint8Array): boolean;
  typeOf(key: Uint8Array): ValueType | null;
  /** Removes the key. @returns whether it was there. */
  delete(key: Uint8Array): boolean;
  /** 0: no expiry. -1: no such key. */
  expireAt(key: Uint8Array): number;
  /** Sets (0: removes) the expiry. An expiry at or before nowMs deletes the key. False: no key. */
  setExpireAt(key: Uint8Array, expireAt: number): boolean;
  /** Moves value and expiry over `to`, whatever that was. @returns false if `from` is absent. */
  rename(from: Uint8Array, to: Uint8Array): boolean;
  /** Copies value and expiry over `to` in `target`. @returns false if `from` is absent. */
  copy(from: Uint8Array, target: Database, to: Uint8Array): boolean;
  modified(key: Uint8Array): Modified | null;

  /** View of a string's bytes, or null. @throws CommandError WRONGTYPE for other types. */
  getString(key: Uint8Array): Buffer | null;
  /** Length of a string, or -1. Same errors. */
  stringLength(key: Uint8Array): number;
  /** Replaces whatever the key held. The value is copied. */
  setString(key: Uint8Array, value: Uint8Array, options?: SetOptions): void;
  /**
   * Makes the string exactly `length` bytes (new bytes are zero; created if absent; expiry kept)
   * and returns a writable view of it. Marks it changed and its encoding as raw.
   * @throws CommandError WRONGTYPE.
   */
  editString(key: Uint8Array, length: number): Buffer;

  /** As OBJECT ENCODING of Redis 7.0 says: int, embstr, raw … or null. */
  encoding(key: Uint8Array): string | null;
  /** Node-local: whole seconds since last access (OBJECT IDLETIME); -1 if absent. */
  idleSeconds(key: Uint8Array): number;
  /** Marks it as used, without changing it. @returns whether it exists. */
  touch(key: Uint8Array): boolean;
  /** Bytes it takes when resident, with overhead (MEMORY USAGE); -1 if absent. */
  memoryBytes(key: Uint8Array): number;
}

/** A page of SCAN. */
export interface ScanPage {
  /** 0n: the iteration is complete. Otherwise below 2^64. */
  readonly cursor: bigint;
  readonly keys: Buffer[];
}

/** All keys, resident or not. Node-local: only reads may use it, never writes. */
export interface Directory {
  /** DBSIZE. */
  count(database: number): number;
  /** Keys that have an expiry, those that are past it and not deleted yet included. */
  expiring(database: number): number;
  /** At least `count` slots are looked at, unless the end is reached. Expired keys are left out. */
  scan(database: number, cursor: bigint, count: number): ScanPage;
  /** RANDOMKEY. */
  random(database: number): Buffer | null;
}

/** All databases of a group. */
export interface Keyspace {
  readonly databaseCount: number;
  /** Look-ups count as hits and misses. Set for each command: those of writers do not. */
  counting: boolean;
  readonly directory: Directory;
  database(number: number): Database;
  /** FLUSHDB: replaces the contents, O(1). */
  flush(database: number): void;
  /** SWAPDB, O(1). */
  swap(one: number, other: number): void;
}
