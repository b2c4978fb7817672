/**
 * For tests: databases over a shelf, and plain Maps that say what they must hold. Every change is
 * made to both; results are compared at once.
 * @module
 */
import { expect } from "vitest";
import { Databases } from "../databases.ts";
import { flag } from "../entries.ts";
import { Resident } from "../resident.ts";
import { Shelf } from "./shelf.ts";

interface Row {
  value: Buffer;
  edited: boolean;
  expireAt: number;
  index: number;
}

/** What Redis 7.0's documentation says of OBJECT ENCODING for a string. */
function encodingOf(row: Row): string {
  if (row.edited) return "raw";
  const text = row.value.toString("latin1");
  const isInteger =
    /^(0|-?[1-9]\d{0,18})$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
  if (isInteger) return "int";
  return row.value.length <= 44 ? "embstr" : "raw";
}

/** Names that tests use: empty, binary, longer than what is compared byte by byte. */
export const keys = ["", "a", "b", "\xff\x00binary", "k".repeat(70), "k".repeat(71), "12"];
export const bytes = (key: string): Buffer => Buffer.from(key, "latin1");

export class Model {
  readonly shelf = new Shelf();
  readonly resident = new Resident(this.shelf, 5);
  readonly databases = new Databases(this.resident, this.shelf);
  /** By database number; the arrays move with SWAPDB. */
  rows: Map<string, Row>[] = Array.from({ length: 16 }, () => new Map());
  /** State at the freeze, while a run is under way. */
  private frozen: Map<string, string> | null = null;
  private frozenIds = new Set<number>();

  constructor() {
    this.shelf.attach(this.databases);
    this.databases.nowMs = 1000;
  }

  get now(): number {
    return this.databases.nowMs;
  }

  private row(db: number, key: string): Row | null {
    const row = this.rows[db]!.get(key);
    return row === undefined || (row.expireAt !== 0 && row.expireAt <= this.now) ? null : row;
  }

  /** What has expired stays until an entry says so. */
  private forget(db: number, key: string): void {
    if (this.row(db, key) !== null) this.rows[db]!.delete(key);
  }

  private put(db: number, key: string, row: Omit<Row, "index">): void {
    this.rows[db]!.set(key, { ...row, index: this.resident.index });
  }

  set(db: number, key: string, value: Buffer, expireAt?: number, keepTtl = false): void {
    const old = this.row(db, key);
    const options = { keepTtl, ...(expireAt === undefined ? {} : { expireAt }) };
    this.databases.database(db).setString(bytes(key), value, options);
    const kept = keepTtl ? (old?.expireAt ?? 0) : 0;
    const at = expireAt ?? kept;
    if (at !== 0 && at <= this.now) this.forget(db, key);
    else this.put(db, key, { value: Buffer.from(value), edited: false, expireAt: at });
  }

  edit(db: number, key: string, length: number): void {
    const old = this.row(db, key);
    const view = this.databases.database(db).editString(bytes(key), length);
    const value = Buffer.alloc(length);
    old?.value.copy(value);
    expect(view.equals(value)).toBe(true);
    view.fill(length, length >> 1);
    value.fill(length, length >> 1);
    this.put(db, key, { value, edited: true, expireAt: old?.expireAt ?? 0 });
  }

  delete(db: number, key: string): void {
    const had = this.row(db, key) !== null;
    expect(this.databases.database(db).delete(bytes(key))).toBe(had);
    this.forget(db, key);
  }

  expireAt(db: number, key: string, at: number): void {
    const row = this.row(db, key);
    expect(this.databases.database(db).setExpireAt(bytes(key), at)).toBe(row !== null);
    if (row === null) return;
    if (at !== 0 && at <= this.now) this.rows[db]!.delete(key);
    else this.put(db, key, { ...row, expireAt: at });
  }

  expire(db: number, key: string): void {
    const row = this.rows[db]!.get(key);
    const over = row !== undefined && row.expireAt !== 0 && row.expireAt <= this.now;
    const name = bytes(key);
    expect(this.databases.database(db).expire(name, 0, name.length)).toBe(over);
    if (over) this.rows[db]!.delete(key);
  }

  rename(db: number, from: string, to: string): void {
    const row = this.row(db, from);
    expect(this.databases.database(db).rename(bytes(from), bytes(to))).toBe(row !== null);
    if (row === null || from === to) return;
    this.put(db, to, row);
    this.rows[db]!.delete(from);
  }

  copy(db: number, from: string, target: number, to: string): void {
    const row = this.row(db, from);
    const view = this.databases.database(target);
    const copied = this.databases.database(db).copy(bytes(from), view, bytes(to));
    expect(copied).toBe(row !== null);
    if (row !== null) this.put(target, to, { ...row, value: Buffer.from(row.value) });
  }

  flush(db: number): void {
    this.databases.flush(db);
    this.rows[db] = new Map();
  }

  swap(one: number, other: number): void {
    this.databases.swap(one, other);
    [this.rows[one], this.rows[other]] = [this.rows[other]!, this.rows[one]!];
  }

  look(db: number, key: string): void {
    const row = this.row(db, key);
    const view = this.databases.database(db);
    const name = bytes(key);
    expect(view.exists(name)).toBe(row !== null);
    expect(view.typeOf(name)).toBe(row === null ? null : "string");
    expect(view.stringLength(name)).toBe(row?.value.length ?? -1);
    expect(view.expireAt(name)).toBe(row?.expireAt ?? -1);
    expect(view.encoding(name)).toBe(row === null ? null : encodingOf(row));
    expect(view.modified(name)).toEqual(row === null ? null : { index: row.index, ordinal: 3 });
    const value = view.getString(name);
    if (row === null) expect(value).toBe(null);
    else expect(value?.equals(row.value)).toBe(true);
    expect(view.touch(name)).toBe(row !== null);
    expect(view.idleSeconds(name)).toBe(row === null ? -1 : 0);
    expect(view.memoryBytes(name) > 0).toBe(row !== null);
  }

  private asRecords(): Map<string, string> {
    const found = new Map<string, string>();
    this.rows.forEach((rows, db) => {
      for (const [key, { value, expireAt }] of rows) {
        const name = `${this.databases.ids[db]}:${key}`;
        found.set(name, `${expireAt} ${value.toString("latin1")}`);
      }
    });
    return found;
  }

  freeze(): void {
    if (this.shelf.flushing) return;
    this.shelf.begin();
    this.frozen = this.asRecords();
    this.frozenIds = new Set(this.databases.ids);
  }

  /** A run lands: the store is then exactly what was there at the freeze. */
  land(): void {
    if (this.frozen === null) return;
    this.shelf.land();
    const records = [...this.shelf.records]
      .filter(([name]) => this.frozenIds.has(Number(name.split(":", 1)[0])))
      .map(([name, held]): [string, string] => {
        const keyLength = held!.body.readUInt32BE(14);
        return [name, `${held!.expireAt} ${held!.body.toString("latin1", 18 + keyLength)}`];
      });
    expect(new Map(records)).toEqual(this.frozen);
    this.frozen = null;
  }

  fail(): void {
    if (this.frozen === null) return;
    this.shelf.fail();
    this.frozen = null;
  }

  checkDirty(): void {
    const { resident } = this;
    const { entries } = resident;
    expect(new Set(resident.dirty.view).size).toBe(resident.dirty.length);
    let sum = 0;
    for (const id of resident.dirty.view) {
      expect(entries.flags(id) & flag.dirty).not.toBe(0);
      sum += 128 + entries.keyLength(id) + entries.valueLength(id);
    }
    expect(resident.dirtyBytes).toBe(sum);
  }

  checkAll(): void {
    for (let db = 0; db < 3; db++) {
      for (const key of keys) this.look(db, key);
      const live = keys.filter((key) => this.row(db, key) !== null);
      expect(this.databases.directory.count(db)).toBe(live.length);
    }
  }
}
