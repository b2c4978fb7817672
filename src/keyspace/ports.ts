/**
 * What the resident set needs from below: loading a root that is not resident, and being told that
 * a frozen record is about to change.
 * @module
 */
export type { EntriesNative } from "../platform/native.ts";

export const expirySecondsMax = 0xffff_ffff;

/** A root as the store holds it. Buffers are views that are valid until the next load. */
export interface LoadedRoot {
  readonly type: number;
  readonly raw: boolean;
  readonly expireAt: number;
  readonly index: number;
  readonly ordinal: number;
  readonly buffer: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Physical key: 16 bytes at its beginning. */
  readonly physical: Buffer;
}

export interface RecordSource {
  /**
   * The root of the key buffer[start, end) in a keyspace id; null if the store has none.
   * @throws StrongroomError if the record is there and cannot be opened.
   */
  load(keyspace: number, buffer: Buffer, start: number, end: number): LoadedRoot | null;
  /**
   * When the root that `load` would return expires, without opening it: seconds since 1970, rounded
   * up (`expirySecondsMax`: then or later); 0: never; -1: there is none. Never throws.
   */
  expiryOf(keyspace: number, buffer: Buffer, start: number, end: number): number;
  /**
   * Begins to name roots that will be loaded soon, so that what can be done for all of them
   * together is done together. Hints, that change no answer and never throw.
   */
  beginForeseeing(): void;
  /** Names one. */
  foresee(keyspace: number, buffer: Buffer, start: number, end: number): void;
  /** All were named. */
  endForeseeing(): void;
}

export interface FreezeWatcher {
  /** `id` belongs to the frozen set and is about to change: encode it now. */
  beforeChange(id: number): void;
}
