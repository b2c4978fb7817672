/**
 * The simplest keyspace that keeps the interface's promises: a Map a database. Commands are tested
 * on it first, and other keyspaces are compared with it.
 * @module
 */
import type {
  Database,
  Directory,
  Keyspace,
  Modified,
  SetOptions,
  ValueType,
} from "../../keyspace/api.ts";
import { wrongType } from "../../keyspace/errors.ts";
import { parseInt64 } from "../args.ts";

interface Entry {
  type: ValueType;
  value: Buffer;
  raw: boolean;
  expireAt: number;
  modified: Modified;
}

const keyText = (key: Uint8Array): string => Buffer.from(key).toString("latin1");

class OracleDatabase implements Database {
  readonly number: number;
  private readonly owner: OracleKeyspace;

  constructor(owner: OracleKeyspace, number: number) {
    this.owner = owner;
    this.number = number;
  }

  get nowMs(): number {
    return this.owner.nowMs;
  }
  get entries(): Map<string, Entry> {
    return this.owner.contents[this.number] as Map<string, Entry>;
  }
  find(key: Uint8Array): Entry | undefined {
    const entry = this.entries.get(keyText(key));
    return entry && (entry.expireAt === 0 || entry.expireAt > this.nowMs) ? entry : undefined;
  }
  private string(key: Uint8Array): Entry | undefined {
    const entry = this.find(key);
    if (entry && entry.type !== "string") throw wrongType();
    return entry;
  }
  put(key: Uint8Array, value: Uint8Array, raw: boolean, expireAt: number, type: ValueType): void {
    const modified = { index: ++this.owner.index, ordinal: 0 };
    const entry = { type, value: Buffer.from(value), raw, expireAt, modified };
    this.entries.set(keyText(key), entry);
  }

  foresee(): void {}
  exists(key: Uint8Array): boolean {
    return this.find(key) !== undefined;
  }
  typeOf(key: Uint8Array): ValueType | null {
    return this.find(key)?.type ?? null;
  }
  delete(key: Uint8Array): boolean {
    const present = this.exists(key);
    this.entries.delete(keyText(key));
    return present;
  }
  expireAt(key: Uint8Array): number {
    return this.find(key)?.expireAt ?? -1;
  }
  setExpireAt(key: Uint8Array, expireAt: number): boolean {
    const entry = this.find(key);
    if (!entry) return false;
    if (expireAt !== 0 && expireAt <= this.nowMs) return this.delete(key);
    entry.expireAt = expireAt;
    return true;
  }
  rename(from: Uint8Array, to: Uint8Array): boolean {
    return this.copy(from, this, to) && this.delete(from);
  }
  copy(from: Uint8Array, target: Database, to: Uint8Array): boolean {
    const entry = this.find(from);
    if (!entry) return false;
    const into = this.owner.database(target.number);
    into.put(to, entry.value, entry.raw, entry.expireAt, entry.type);
    return true;
  }
  modified(key: Uint8Array): Modified | null {
    return this.find(key)?.modified ?? null;
  }

  getString(key: Uint8Array): Buffer | null {
    return this.string(key)?.value ?? null;
  }
  stringLength(key: Uint8Array): number {
    return this.string(key)?.value.length ?? -1;
  }
  setString(key: Uint8Array, value: Uint8Array, options: SetOptions = {}): void {
    const kept = options.keepTtl ? (this.find(key)?.expireAt ?? 0) : 0;
    this.put(key, value, false, options.expireAt ?? kept, "string");
  }
  editString(key: Uint8Array, length: number): Buffer {
    const old = this.string(key);
    const value = Buffer.alloc(length);
    value.set(old?.value.subarray(0, length) ?? []);
    this.put(key, value, true, old?.expireAt ?? 0, "string");
    return this.getString(key) as Buffer;
  }

  encoding(key: Uint8Array): string | null {
    const entry = this.find(key);
    if (!entry) return null;
    if (entry.type !== "string") return "quicklist";
    if (entry.raw) return "raw";
    if (parseInt64(entry.value, 0, entry.value.length) !== null) return "int";
    return entry.value.length <= 44 ? "embstr" : "raw";
  }
  idleSeconds(key: Uint8Array): number {
    return this.exists(key) ? 0 : -1;
  }
  touch(key: Uint8Array): boolean {
    return this.exists(key);
  }
  memoryBytes(key: Uint8Array): number {
    return this.find(key)?.value.length ?? -1;
  }
}

export class OracleKeyspace implements Keyspace {
  readonly databaseCount = 16;
  counting = false;
  nowMs = 1_700_000_000_000;
  index = 0;
  contents: Map<string, Entry>[] = Array.from({ length: 16 }, () => new Map());
  private readonly databases = this.contents.map((_, number) => new OracleDatabase(this, number));

  readonly directory: Directory = {
    count: (database) => this.live(database).length,
    expiring: (database) =>
      this.live(database).filter((key) => this.database(database).expireAt(key) > 0).length,
    scan: (database, cursor, count) => {
      const keys = this.live(database).sort(Buffer.compare);
      const end = Number(cursor) + Math.min(count, keys.length);
      return {
        cursor: end >= keys.length ? 0n : BigInt(end),
        keys: keys.slice(Number(cursor), end),
      };
    },
    random: (database) => this.live(database)[0] ?? null,
  };

  private live(database: number): Buffer[] {
    const keys = [...(this.contents[database] as Map<string, Entry>).keys()];
    const buffers = keys.map((key) => Buffer.from(key, "latin1"));
    return buffers.filter((key) => this.database(database).exists(key));
  }

  database(number: number): OracleDatabase {
    return this.databases[number] as OracleDatabase;
  }
  flush(database: number): void {
    this.contents[database] = new Map();
  }
  swap(one: number, other: number): void {
    const contents = this.contents[one] as Map<string, Entry>;
    this.contents[one] = this.contents[other] as Map<string, Entry>;
    this.contents[other] = contents;
  }

  /** A key of another type, for WRONGTYPE. */
  putList(database: number, key: string): void {
    this.database(database).put(Buffer.from(key), Buffer.alloc(0), false, 0, "list");
  }
}
