/**
 * Finds commands by the bytes of their name, whatever the case, without making a string.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { CommandSpec } from "../commands/command.ts";
import type { CommandTable, ServerCommand, TableEntry } from "./context.ts";

const bucketCount = 2048;

/** Folding by `| 0x20` joins a few other bytes too; the comparison after it is exact. */
function hash(buffer: Uint8Array, start: number, end: number): number {
  let value = end - start;
  for (let i = start; i < end; i++) value = (value * 31 + (buffer[i] | 0x20)) & 0xffffff;
  return value & (bucketCount - 1);
}

function same(name: Uint8Array, buffer: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    const byte = buffer[start + i];
    if ((byte >= 65 && byte <= 90 ? byte + 32 : byte) !== name[i]) return false;
  }
  return true;
}

const emptyFigures = () => ({ calls: 0, usec: 0, rejected: 0, failed: 0 });

function dataEntry(spec: CommandSpec): TableEntry {
  const flags = new Set<string>(spec.flags);
  const subcommands = spec.subcommands?.map(
    (sub) => [sub.name.slice(spec.name.length + 1), dataEntry(sub)] as const,
  );
  return {
    name: spec.name,
    arity: spec.arity,
    flags,
    isWrite: flags.has("write"),
    spec,
    server: null,
    subcommands: subcommands === undefined ? null : new Map(subcommands),
    figures: emptyFigures(),
    timed: !flags.has("fast") && !flags.has("write"),
  };
}

function serverEntry(command: ServerCommand, container = ""): TableEntry {
  const name = container + command.name;
  const subcommands = command.subcommands?.map(
    (sub) => [sub.name, serverEntry(sub, `${name}|`)] as const,
  );
  return {
    name,
    arity: command.arity,
    flags: new Set(command.flags),
    isWrite: false,
    spec: null,
    server: command,
    subcommands: subcommands === undefined ? null : new Map(subcommands),
    figures: emptyFigures(),
    timed: command.when === "in-order",
  };
}

class Table implements CommandTable {
  readonly entries: readonly TableEntry[];
  private readonly buckets: { name: Uint8Array; entry: TableEntry }[][] = [];
  private readonly names = new Map<string, TableEntry>();

  constructor(entries: readonly TableEntry[]) {
    this.entries = entries;
    for (let i = 0; i < bucketCount; i++) this.buckets.push([]);
    for (const entry of entries) {
      assert(!this.names.has(entry.name), "two commands with one name");
      this.names.set(entry.name, entry);
      const name = Buffer.from(entry.name);
      this.buckets[hash(name, 0, name.length)].push({ name, entry });
    }
  }

  find(buffer: Buffer, start: number, end: number): TableEntry | null {
    if (end - start > 32) return null;
    const bucket = this.buckets[hash(buffer, start, end)];
    for (let i = 0; i < bucket.length; i++)
      if (same(bucket[i].name, buffer, start, end)) return bucket[i].entry;
    return null;
  }

  byName(name: string): TableEntry | null {
    const [container, sub] = name.toLowerCase().split("|");
    const entry = this.names.get(container) ?? null;
    return sub === undefined ? entry : (entry?.subcommands?.get(sub) ?? null);
  }
}

export function makeTable(
  data: readonly CommandSpec[],
  server: readonly ServerCommand[],
): CommandTable {
  return new Table([...data.map(dataEntry), ...server.map((command) => serverEntry(command))]);
}
