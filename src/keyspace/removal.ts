/**
 * Deleting keys whose record does not open: what they held is lost, but that they are there may be
 * known without it, by the index that the store keeps in memory. docs/decisions/0080.
 * @module
 */
import { isStrongroomError } from "../base/errors.ts";
import { expirySecondsMax } from "./ports.ts";
import { type Resident, typeString } from "./resident.ts";

/** Says that a record is there, and what it holds is not to be had. */
export const unreadable = ["STORE_RECORD_DAMAGED", "STORE_READ_FAILED"] as const;

/**
 * Deletes a key. That its record does not open is no hindrance where it is known without it whether
 * the key is there. @returns whether it was, at `nowMs`. @throws what the source threw.
 */
export function deleteKey(
  resident: Resident,
  keyspace: number,
  buffer: Buffer,
  start: number,
  end: number,
  nowMs: number,
): boolean {
  let id: number;
  try {
    id = resident.lookup(keyspace, buffer, start, end, nowMs);
  } catch (error) {
    const there = knownAfter(error, resident, keyspace, buffer, start, end, nowMs);
    id = there ? resident.replace(keyspace, buffer, start, end, typeString, 0) : 0;
  }
  if (id !== 0) resident.erase(id);
  return id !== 0;
}

/**
 * Deletes a key if its expiry is at or before `nowMs`. Whether a record of it is still there
 * differs between replicas, so a key that is gone already counts as deleted here, too. That its
 * record does not open is no hindrance unless the key expires within the second of `nowMs`.
 * @returns whether there was one. @throws what the source threw.
 */
export function expireKey(
  resident: Resident,
  keyspace: number,
  buffer: Buffer,
  start: number,
  end: number,
  nowMs: number,
): boolean {
  let id: number;
  try {
    id = resident.lookup(keyspace, buffer, start, end, 0);
  } catch (error) {
    if (knownAfter(error, resident, keyspace, buffer, start, end, nowMs)) return false;
    resident.erase(resident.replace(keyspace, buffer, start, end, typeString, 0));
    return true;
  }
  if (id === 0) {
    resident.deletions.note(keyspace, buffer, start, end, resident.index);
    return false;
  }
  const expireAt = resident.entries.expireAt(id);
  if (expireAt === 0 || expireAt > nowMs) return false;
  resident.erase(id);
  return true;
}

/**
 * Whether a key is there at `nowMs` whose look-up has failed. If it is deleted, what it held is
 * lost either way: an entry without a value stands for it. @throws `error` if that is not known.
 */
function knownAfter(
  error: unknown,
  resident: Resident,
  keyspace: number,
  buffer: Buffer,
  start: number,
  end: number,
  nowMs: number,
): boolean {
  if (!isStrongroomError(error, ...unreadable)) throw error;
  const there = isThere(resident, keyspace, buffer, start, end, nowMs, nowMs);
  if (there === null) throw error;
  return there;
}

/**
 * Whether a key that is not resident is there, from `nowMs` to `untilMs`, by what is known without
 * opening its record; null if that is not enough to tell, and the same on all nodes.
 */
export function isThere(
  resident: Resident,
  keyspace: number,
  buffer: Buffer,
  start: number,
  end: number,
  nowMs: number,
  untilMs: number,
): boolean | null {
  const expiry = resident.source.expiryOf(keyspace, buffer, start, end);
  if (expiry <= 0) return expiry === 0;
  if ((expiry - 1) * 1000 >= untilMs) return true;
  return expiry * 1000 <= nowMs && expiry < expirySecondsMax ? false : null;
}
