/**
 * The databases of a group over the resident set: SELECT numbers map to keyspace ids, which SWAPDB
 * exchanges and FLUSHDB replaces, each in O(1).
 * @module
 */
import { assertInteger } from "../base/assert.ts";
import type { Database, Directory, Keyspace, Modified, SetOptions, ValueType } from "./api.ts";
import { flag } from "./entries.ts";
import { wrongType } from "./errors.ts";
import { Foresight } from "./foresight.ts";
import type { CommandRun } from "./many.ts";
import { deleteKey, expireKey } from "./removal.ts";
import type { Resident } from "./resident.ts";
import { isAmong, typeString } from "./resident.ts";

export const databaseCount = 16;
const typeNames: readonly (ValueType | null)[] = [null, "string"];

export class Databases implements Keyspace {
  readonly databaseCount = databaseCount;
  readonly directory: Directory;
  readonly resident: Resident;
  readonly foresight: Foresight;
  /** Keyspace id of each database. */
  readonly ids: Uint32Array = Uint32Array.from({ length: databaseCount }, (_, n) => n + 1);
  nextId = databaseCount + 1;
  /** Ids that FLUSHDB replaced and whose records are not reclaimed yet. */
  dead: number[] = [];
  /** Set whenever the mapping changes; the node makes it durable and clears it. */
  changed = true;
  /** The next command is the first that the current entry applies; set before each of them. */
  beginsEntry = false;
  /** The time that commands see; set before each entry and each read. */
  nowMs = 0;
  counting = false;
  /** Look-ups that count and found a key, and those that did not. */
  hits = 0;
  misses = 0;
  private readonly views: ResidentDatabase[] = [];

  constructor(resident: Resident, directory: Directory) {
    this.resident = resident;
    this.directory = directory;
    this.foresight = new Foresight(resident, this.ids);
    for (let n = 0; n < databaseCount; n++) this.views.push(new ResidentDatabase(this, n));
  }

  database(number: number): ResidentDatabase {
    return this.views[number] as ResidentDatabase;
  }

  /** `Resident.setMany` at the current time. */
  setMany(run: CommandRun, code: number, max: number): number {
    return this.resident.setMany(run, code, max, this.nowMs, this.ids);
  }

  count(found: boolean): void {
    if (found) this.hits++;
    else this.misses++;
  }

  isLive(keyspace: number): boolean {
    return isAmong(this.ids, keyspace);
  }

  flush(database: number): void {
    assertInteger(database, { min: 0, max: databaseCount - 1 });
    this.dead.push(this.ids[database] as number);
    this.ids[database] = this.nextId++;
    this.remapped();
  }

  swap(one: number, other: number): void {
    const id = this.ids[one] as number;
    this.ids[one] = this.ids[other] as number;
    this.ids[other] = id;
    this.remapped();
  }

  /**
   * A key that was made and vanished by this is absent as before, without a deletion of its own. Of
   * a key that was absent just before this, nothing was lost.
   */
  private remapped(): void {
    const { deletions, index } = this.resident;
    deletions.noteAll(this.beginsEntry ? index - 1 : index);
    this.changed = true;
  }
}

/** The part of a reply that a GET needs. */
export interface BulkReply {
  nil(): void;
  bulkFrom(buffer: Buffer, start: number, end: number): void;
}

/** One database. Reads load what is not resident; nothing is evicted while a command runs. */
class ResidentDatabase implements Database {
  readonly number: number;
  private readonly owner: Databases;
  private readonly resident: Resident;

  constructor(owner: Databases, number: number) {
    this.owner = owner;
    this.resident = owner.resident;
    this.number = number;
  }

  get nowMs(): number {
    return this.owner.nowMs;
  }
  get keyspaceId(): number {
    return this.owner.ids[this.number] as number;
  }

  /** The entry of a key at the current time, or 0. */
  find(buffer: Buffer, start: number, end: number): number {
    const now = this.owner.nowMs;
    const resident = this.resident;
    const id = resident.lookup(this.keyspaceId, buffer, start, end, now);
    if (id !== 0) resident.entries.setAccess(id, now / 1000);
    if (this.owner.counting) this.owner.count(id !== 0);
    return id;
  }

  /**
   * GET without views, from the arena or, if that is enough, straight from the store.
   * @param full - False: what is read becomes resident; true: only what is missed again.
   * @throws CommandError WRONGTYPE.
   */
  getTo(reply: BulkReply, buffer: Buffer, start: number, end: number, full: boolean): void {
    const { owner, resident } = this;
    const { entries } = resident;
    const now = owner.nowMs;
    let id = resident.peek(this.keyspaceId, buffer, start, end, now);
    if (id === 0 && full && !resident.admits()) {
      this.readTo(reply, buffer, start, end);
      return;
    }
    if (id === 0) id = resident.lookup(this.keyspaceId, buffer, start, end, now);
    if (id <= 0) {
      owner.misses++;
      reply.nil();
      return;
    }
    owner.hits++;
    this.mustBeString(id);
    entries.setAccess(id, now / 1000);
    const at = entries.valueAt(id);
    reply.bulkFrom(entries.buffer(id), at, at + entries.valueLength(id));
  }

  private readTo(reply: BulkReply, buffer: Buffer, start: number, end: number): void {
    const { owner, resident } = this;
    const root = resident.readThrough(this.keyspaceId, buffer, start, end, owner.nowMs);
    if (root === null) {
      owner.misses++;
      reply.nil();
      return;
    }
    owner.hits++;
    if (root.type !== typeString) throw wrongType();
    reply.bulkFrom(root.buffer, root.valueStart, root.valueEnd);
  }

  foresee(keys: readonly Uint8Array[], from: number): void {
    // One alone is found as quickly without.
    if (keys.length - from < 2) return;
    this.owner.foresight.keys(this.number, keys, from);
  }

  private findKey(key: Uint8Array): number {
    return this.find(asBuffer(key), 0, key.length);
  }

  /** For WATCH and MEMORY USAGE, which read no value: not counted, whatever came before. */
  private findUncounted(key: Uint8Array): number {
    this.owner.counting = false;
    return this.findKey(key);
  }

  private findString(key: Uint8Array): number {
    const id = this.findKey(key);
    if (id !== 0) this.mustBeString(id);
    return id;
  }

  /** @throws CommandError WRONGTYPE. */
  mustBeString(id: number): void {
    if (this.typeAt(id) !== typeString) throw wrongType();
  }

  private typeAt(id: number): number {
    return this.resident.entries.flags(id) & flag.type;
  }

  exists(key: Uint8Array): boolean {
    return this.findKey(key) !== 0;
  }

  typeOf(key: Uint8Array): ValueType | null {
    const id = this.findKey(key);
    return id === 0 ? null : (typeNames[this.typeAt(id)] as ValueType);
  }

  delete(key: Uint8Array): boolean {
    const { resident, keyspaceId, nowMs } = this;
    return deleteKey(resident, keyspaceId, asBuffer(key), 0, key.length, nowMs);
  }

  expireAt(key: Uint8Array): number {
    const id = this.findKey(key);
    return id === 0 ? -1 : this.resident.entries.expireAt(id);
  }

  setExpireAt(key: Uint8Array, expireAt: number): boolean {
    const id = this.findKey(key);
    if (id === 0) return false;
    if (expireAt !== 0 && expireAt <= this.nowMs) this.resident.erase(id);
    else {
      this.resident.edit(id);
      this.resident.setExpiry(id, expireAt);
    }
    return true;
  }

  /** Deletes the key if its expiry is at or before nowMs. @returns whether there was one. */
  expire(buffer: Buffer, start: number, end: number): boolean {
    return expireKey(this.resident, this.keyspaceId, buffer, start, end, this.nowMs);
  }

  rename(from: Uint8Array, to: Uint8Array): boolean {
    if (Buffer.compare(from, to) === 0) return this.exists(from);
    if (!this.copy(from, this, to)) return false;
    this.resident.erase(this.findKey(from));
    return true;
  }

  copy(from: Uint8Array, target: Database, to: Uint8Array): boolean {
    const id = this.findKey(from);
    if (id === 0) return false;
    const entries = this.resident.entries;
    const length = entries.valueLength(id);
    const flags = entries.flags(id) & (flag.type | flag.raw);
    const expireAt = entries.expireAt(id);
    const keyspace = (target as ResidentDatabase).keyspaceId;
    const made = this.resident.replace(keyspace, asBuffer(to), 0, to.length, typeString, length);
    this.resident.entryBytes += length;
    const at = entries.valueAt(id);
    entries.buffer(id).copy(entries.buffer(made), entries.valueAt(made), at, at + length);
    entries.setFlags(made, (entries.flags(made) & ~flag.type) | flags);
    this.resident.setExpiry(made, expireAt);
    entries.setAccess(made, this.nowMs / 1000);
    return true;
  }

  modified(key: Uint8Array): Modified | null {
    const id = this.findUncounted(key);
    if (id === 0) return null;
    const { entries } = this.resident;
    return { index: entries.index(id), ordinal: entries.ordinal(id) };
  }

  /** Last entry that may have deleted this key. */
  deletedAt(key: Uint8Array): number {
    return this.resident.deletions.last(this.keyspaceId, key);
  }

  getString(key: Uint8Array): Buffer | null {
    const id = this.findString(key);
    if (id === 0) return null;
    const entries = this.resident.entries;
    const at = entries.valueAt(id);
    return entries.buffer(id).subarray(at, at + entries.valueLength(id));
  }

  stringLength(key: Uint8Array): number {
    const id = this.findString(key);
    return id === 0 ? -1 : this.resident.entries.valueLength(id);
  }

  setString(key: Uint8Array, value: Uint8Array, options?: SetOptions): void {
    const keptTtl = options?.keepTtl === true ? Math.max(0, this.expireAt(key)) : 0;
    const expireAt = options?.expireAt ?? keptTtl;
    if (expireAt !== 0 && expireAt <= this.nowMs) {
      this.delete(key);
      return;
    }
    const buffer = asBuffer(value);
    this.resident.entryBytes += value.length;
    this.setRange(asBuffer(key), 0, key.length, buffer, 0, value.length, expireAt);
  }

  /** SET without views: copies value[from, to) into the arena. */
  setRange(
    key: Buffer,
    start: number,
    end: number,
    value: Buffer,
    from: number,
    to: number,
    expireAt: number,
  ): void {
    const resident = this.resident;
    const id = resident.replace(this.keyspaceId, key, start, end, typeString, to - from);
    const entries = resident.entries;
    resident.setExpiry(id, expireAt);
    entries.setAccess(id, this.owner.nowMs / 1000);
    value.copy(entries.buffer(id), entries.valueAt(id), from, to);
  }

  editString(key: Uint8Array, length: number): Buffer {
    const resident = this.resident;
    const entries = resident.entries;
    let id = this.findString(key);
    let old = 0;
    if (id === 0) {
      const buffer = asBuffer(key);
      id = resident.replace(this.keyspaceId, buffer, 0, key.length, typeString, length);
      resident.entryBytes += length;
      entries.setExpireAt(id, 0);
      entries.setAccess(id, this.nowMs / 1000);
    } else {
      old = entries.valueLength(id);
      resident.edit(id);
      resident.stretch(id, length);
    }
    entries.setFlags(id, entries.flags(id) | flag.raw);
    const at = entries.valueAt(id);
    const view = entries.buffer(id).subarray(at, at + length);
    if (length > old) view.fill(0, old);
    return view;
  }

  encoding(key: Uint8Array): string | null {
    const id = this.findKey(key);
    if (id === 0) return null;
    const entries = this.resident.entries;
    const length = entries.valueLength(id);
    if ((entries.flags(id) & flag.raw) !== 0) return "raw";
    const at = entries.valueAt(id);
    if (length <= 20 && isInt64(entries.buffer(id).toString("latin1", at, at + length)))
      return "int";
    return length <= 44 ? "embstr" : "raw";
  }

  idleSeconds(key: Uint8Array): number {
    const { keyspaceId, resident } = this;
    const id = resident.lookup(keyspaceId, asBuffer(key), 0, key.length, this.nowMs);
    if (id === 0) return -1;
    const access = resident.entries.access(id);
    return access === 0 ? 0 : Math.max(0, Math.floor(this.nowMs / 1000) - access);
  }

  touch(key: Uint8Array): boolean {
    return this.findKey(key) !== 0;
  }

  /** Bytes of the value that stands in memory under a key, 0 if none does. Changes nothing. */
  residentLength(buffer: Buffer, start: number, end: number): number {
    const { entries } = this.resident;
    const { keyspaceId } = this;
    const hash = entries.hashOf(keyspaceId, buffer, start, end);
    const id = entries.find(hash, keyspaceId, buffer, start, end);
    return id === 0 ? 0 : entries.valueLength(id);
  }

  memoryBytes(key: Uint8Array): number {
    const id = this.findUncounted(key);
    return id === 0 ? -1 : this.resident.bytesOf(id);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Canonical signed 64-bit decimal. */
function isInt64(text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 63n;
}
