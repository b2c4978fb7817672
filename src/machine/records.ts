// Permanent format of the machine's control records (tables 0x20 to 0x22 of the store): change it
// only by adding a version.
//
//   table 0x20, empty key: version 1 u8 | next keyspace id u32 | 16 × keyspace id u32
//   table 0x21, empty key: version 1 u8 | time ms u48 | logical u16
//   table 0x22, empty key: version 1 u8 | 1024 × log index u64
//
/**
 * What the machine keeps beside user data: the mapping of databases to keyspace ids and its time.
 * It stands in the same commit as the applied index.
 * @module
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import { type Databases, databaseCount } from "../keyspace/databases.ts";
import { deletionBuckets } from "../keyspace/deletions.ts";
import type { Machine } from "./machine.ts";

export const tableKeyspaces = 0x20;
export const tableTime = 0x21;
export const tableDeletions = 0x22;
const recordVersion = 1;

export function keyspacesRecord(machine: Machine): Buffer {
  const writer = new ByteWriter(5 + 4 * databaseCount);
  writer.u8(recordVersion).u32(machine.databases.nextId);
  for (const id of machine.databases.ids) writer.u32(id);
  return writer.finish();
}

export function timeRecord(machine: Machine): Buffer {
  const record = Buffer.alloc(9);
  record[0] = recordVersion;
  record.writeUIntBE(machine.timeMs, 1, 6);
  record.writeUInt16BE(machine.timeLogical, 7);
  return record;
}

export function deletionsRecord(machine: Machine): Buffer {
  const writer = new ByteWriter(1 + 8 * deletionBuckets).u8(recordVersion);
  for (const index of machine.databases.resident.deletions.buckets) writer.safe64(index);
  return writer.finish();
}

/**
 * Takes over a record that was read from the store.
 * @returns false for other tables.
 * @throws StrongroomError FORMAT_VERSION, FORMAT_TRUNCATED, FORMAT_TRAILING, FORMAT_RANGE.
 */
export function restoreRecord(machine: Machine, table: number, value: Buffer): boolean {
  if (table === tableTime) {
    const reader = versioned(value);
    const time = reader.bytes(8);
    reader.finish();
    machine.timeMs = time.readUIntBE(0, 6);
    machine.timeLogical = time.readUInt16BE(6);
    return true;
  }
  if (table === tableDeletions) {
    const reader = versioned(value);
    const buckets = Array.from({ length: deletionBuckets }, () => reader.safe64());
    reader.finish();
    machine.databases.resident.deletions.buckets.set(buckets);
    return true;
  }
  if (table !== tableKeyspaces) return false;
  restoreKeyspaces(machine.databases, versioned(value));
  return true;
}

function versioned(value: Buffer): ByteReader {
  const reader = new ByteReader(value);
  const version = reader.u8();
  if (version !== recordVersion)
    throw new StrongroomError("FORMAT_VERSION", `a record of the machine has version ${version}`);
  return reader;
}

function restoreKeyspaces(databases: Databases, reader: ByteReader): void {
  const nextId = reader.u32();
  const ids = Array.from({ length: databaseCount }, () => reader.u32());
  reader.finish();
  if (ids.some((id, n) => id === 0 || id >= nextId || ids.indexOf(id) !== n))
    throw new StrongroomError("FORMAT_RANGE", "the record of the keyspace ids");
  databases.nextId = nextId;
  databases.ids.set(ids);
  databases.changed = false;
}
