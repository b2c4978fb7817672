/**
 * For tests: a store in memory that flushes, loads and lists the way the node does, in steps that a
 * test may put anywhere between two entries. Records pass through the real codec of roots, and
 * what `load` returns is overwritten by the next one.
 * @module
 */
import { assert } from "../../base/assert.ts";
import { fnv1a64 } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import {
  type RootHeader,
  readRootHeader,
  rootHeaderBytes,
  writeRootHeader,
} from "../../entry/root.ts";
import type { Directory, ScanPage } from "../api.ts";
import type { Databases } from "../databases.ts";
import { flag, physicalBytes } from "../entries.ts";
import {
  expirySecondsMax,
  type FreezeWatcher,
  type LoadedRoot,
  type RecordSource,
} from "../ports.ts";

interface Held {
  readonly physical: Buffer;
  readonly expireAt: number;
  readonly body: Buffer;
}

/** `null`: deleted. */
type Run = Map<string, Held | null>;

export class Shelf implements RecordSource, FreezeWatcher, Directory {
  /** What has landed, by keyspace id and key. */
  readonly records: Run = new Map();
  loads = 0;
  /** Of these the records do not open, by keyspace id and key. */
  readonly damaged = new Set<string>();
  /** Roots that were named since the last beginning. */
  foreseen = 0;
  /** Records that were encoded because something was about to change them. */
  early = 0;
  private databases: Databases | null = null;
  private frozen: Int32Array | null = null;
  private run: Run = new Map();
  private scratch = Buffer.alloc(0);

  attach(databases: Databases): void {
    this.databases = databases;
    databases.resident.watchFreeze(this);
  }

  private get data(): Databases {
    assert(this.databases !== null);
    return this.databases;
  }

  get flushing(): boolean {
    return this.frozen !== null;
  }

  load(keyspace: number, buffer: Buffer, start: number, end: number): LoadedRoot | null {
    this.loads++;
    const name = nameOf(keyspace, buffer.subarray(start, end));
    const held = this.records.get(name);
    if (held != null && this.damaged.has(name)) throw new StrongroomError("STORE_RECORD_DAMAGED");
    // A store reads into the same memory again: whoever kept a view of it is found out.
    this.scratch.fill(0xee);
    if (held == null) return null;
    this.scratch = Buffer.concat([held.physical, held.body]);
    const root: RootHeader = { type: 0, raw: false, index: 0, ordinal: 0, keyLength: 0 };
    readRootHeader(this.scratch, physicalBytes, this.scratch.length, root);
    const keyAt = physicalBytes + rootHeaderBytes;
    const valueStart = keyAt + root.keyLength;
    assert(buffer.compare(this.scratch, keyAt, valueStart, start, end) === 0, "another key");
    return {
      ...root,
      expireAt: held.expireAt,
      buffer: this.scratch,
      valueStart,
      valueEnd: this.scratch.length,
      physical: this.scratch.subarray(0, physicalBytes),
    };
  }

  expiryOf(keyspace: number, buffer: Buffer, start: number, end: number): number {
    const held = this.records.get(nameOf(keyspace, buffer.subarray(start, end)));
    return held == null ? -1 : Math.min(Math.ceil(held.expireAt / 1000), expirySecondsMax);
  }

  beginForeseeing(): void {
    this.foreseen = 0;
  }

  foresee(): void {
    this.foreseen++;
  }

  endForeseeing(): void {}

  /** Freezes what is dirty. The run is complete after enough steps of `encode`. */
  begin(): void {
    assert(this.frozen === null, "one run at a time");
    this.run = new Map();
    this.frozen = this.data.resident.freeze();
  }

  /** Encodes up to `count` of the frozen records. */
  encode(count: number): void {
    let left = count;
    const { entries } = this.data.resident;
    for (const id of this.frozen ?? []) {
      if (left === 0) return;
      if ((entries.flags(id) & flag.frozen) === 0) continue;
      this.write(id);
      left--;
    }
  }

  beforeChange(id: number): void {
    assert(this.frozen?.includes(id) === true, "not in the frozen set");
    this.early++;
    this.write(id);
  }

  private write(id: number): void {
    const { entries } = this.data.resident;
    const flags = entries.flags(id);
    assert((flags & flag.frozen) !== 0, "encoded twice");
    this.data.resident.encoded(id);
    const buffer = entries.buffer(id);
    const at = entries.keyAt(id);
    const keyLength = entries.keyLength(id);
    const key = buffer.subarray(at, at + keyLength);
    const name = nameOf(entries.keyspace(id), key);
    const physical = physicalOf(name);
    const placed = entries.physicalAt(id);
    if ((flags & flag.physical) !== 0)
      assert(physical.equals(buffer.subarray(placed, placed + physicalBytes)), "physical key lost");
    if ((flags & flag.deleted) !== 0) {
      this.run.set(name, null);
      return;
    }
    const copied = keyLength + entries.valueLength(id);
    const body = Buffer.alloc(rootHeaderBytes + copied);
    writeRootHeader(body, 0, {
      type: flags & flag.type,
      raw: (flags & flag.raw) !== 0,
      index: entries.index(id),
      ordinal: entries.ordinal(id),
      keyLength,
    });
    buffer.copy(body, rootHeaderBytes, at, at + copied);
    this.run.set(name, { physical, expireAt: entries.expireAt(id), body });
  }

  /** Completes the run. */
  land(): void {
    const { frozen } = this;
    assert(frozen !== null);
    this.encode(Number.POSITIVE_INFINITY);
    for (const [name, held] of this.run)
      if (held === null) this.records.delete(name);
      else this.records.set(name, held);
    for (const id of frozen) this.data.resident.landed(id);
    this.frozen = null;
  }

  /** The run could not be written. */
  fail(): void {
    assert(this.frozen !== null);
    for (const id of this.frozen) this.data.resident.returned(id);
    this.frozen = null;
  }

  /** The physical keys and bodies of the run under way, for comparison. */
  contents(): Map<string, string | null> {
    const entries = [...this.run].map(([name, held]): [string, string | null] => [
      name,
      held === null ? null : `${held.expireAt} ${held.body.toString("latin1")}`,
    ]);
    return new Map(entries);
  }

  /** Names of the live keys of a database, sorted. */
  private names(database: number): Buffer[] {
    const { resident, ids, nowMs } = this.data;
    const { entries } = resident;
    const keyspace = ids[database] as number;
    const found = new Map<string, boolean>();
    const isOver = (expireAt: number): boolean => expireAt !== 0 && expireAt <= nowMs;
    const prefix = `${keyspace}:`;
    for (const [name, held] of this.records)
      if (name.startsWith(prefix) && held !== null)
        found.set(name.slice(prefix.length), !isOver(held.expireAt));
    for (let id = 1; id <= entries.top; id++) {
      const flags = entries.flags(id);
      if (flags === 0 || entries.keyspace(id) !== keyspace) continue;
      const at = entries.keyAt(id);
      const end = at + entries.keyLength(id);
      const live = (flags & flag.deleted) === 0 && !isOver(entries.expireAt(id));
      found.set(entries.buffer(id).toString("latin1", at, end), live);
    }
    const live = [...found].filter((pair) => pair[1]).map((pair) => Buffer.from(pair[0], "latin1"));
    return live.sort(Buffer.compare);
  }

  count(database: number): number {
    return this.names(database).length;
  }

  expiring(database: number): number {
    const view = this.data.database(database);
    return this.names(database).filter((key) => view.expireAt(key) > 0).length;
  }

  scan(database: number, cursor: bigint, count: number): ScanPage {
    const names = this.names(database);
    const end = Number(cursor) + count;
    const keys = names.slice(Number(cursor), end);
    return { cursor: end < names.length ? BigInt(end) : 0n, keys };
  }

  random(database: number): Buffer | null {
    return this.names(database)[0] ?? null;
  }
}

/** How a record is named here. */
export function nameOf(keyspace: number, key: Uint8Array): string {
  return `${keyspace}:${Buffer.from(key).toString("latin1")}`;
}

function physicalOf(name: string): Buffer {
  const physical = Buffer.alloc(physicalBytes);
  physical.writeBigUInt64BE(fnv1a64(Buffer.from(name, "latin1")));
  physical.writeBigUInt64BE(fnv1a64(Buffer.from(`${name}.`, "latin1")), 8);
  return physical;
}
