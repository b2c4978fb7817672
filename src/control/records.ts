/**
 * Control records: the control state as rows for the store, written in the same commit as the
 * applied index, and read back at start. In clear, no secrets, no expiry. Hazard: a row that is
 * half right would become a keyring that is half right, so every row is checked and the whole must
 * agree with itself, else CONTROL_RECORDS_DAMAGED. docs/formats/control-records.md.
 * @module
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import { clusterBytes } from "../entry/control.ts";
import { purposeNumber, writeWraps } from "../entry/wraps.ts";
import { type ControlEvent, eventKinds } from "./history.ts";
import type { ControlState, KeyRow, KeyState, Load, WriterRow } from "./state.ts";

/** Tables 1–15 belong to control; others are the machine's. */
export const controlTables = {
  keyring: 1,
  registry: 2,
  loads: 3,
  cutovers: 4,
  meta: 5,
  history: 6,
} as const;

export interface ControlRecord {
  readonly table: number;
  readonly deleted: boolean;
  readonly key: Buffer;
  /** Empty if deleted. */
  readonly value: Buffer;
}

export const recordVersion = 1;
export const keyStates: readonly KeyState[] = ["active", "decrypt-only", "fenced", "retired"];

export const prefixes = {
  keyring: Buffer.from("!encryption|keys|", "latin1"),
  registry: Buffer.from("!encryption|writers|", "latin1"),
  loads: Buffer.from("!encryption|loads|", "latin1"),
  cutovers: Buffer.from("!encryption|cutovers", "latin1"),
  meta: Buffer.from("!encryption|meta", "latin1"),
  history: Buffer.from("!encryption|history|", "latin1"),
} as const;

const bar = 0x7c;

/** Name of a key's row in the keyring. */
export function keyringKey(id: number): Buffer {
  return new ByteWriter(32).bytes(prefixes.keyring).u32(id).finish();
}

function placeParts(place: number): { dek: number; node16: number } {
  return { dek: Math.floor(place / 0x1_0000), node16: place % 0x1_0000 };
}

function registryKey(place: number): Buffer {
  const { dek, node16 } = placeParts(place);
  return new ByteWriter(32).bytes(prefixes.registry).u32(dek).u8(bar).u16(node16).finish();
}

function loadKey(place: number): Buffer {
  const { dek, node16 } = placeParts(place);
  return new ByteWriter(32).bytes(prefixes.loads).u32(dek).u16(node16).finish();
}

/**
 * `version | purpose u8 | state u8 | created u64 | activated u64 | created ms u64 |
 * activated ms u64 | wraps`.
 */
function keyringValue(key: KeyRow): Buffer {
  const writer = new ByteWriter(256).u8(recordVersion).u8(purposeNumber(key.purpose));
  writer
    .u8(keyStates.indexOf(key.state) + 1)
    .safe64(key.created)
    .safe64(key.activated)
    .safe64(key.createdMs)
    .safe64(key.activatedMs);
  writeWraps(writer, key.wraps);
  return writer.finish();
}

/** `full_node_id u64 | first_seen u16 | last_seen u16`. */
function registryValue(row: WriterRow): Buffer {
  return new ByteWriter(12).u64(row.fullNodeId).u16(row.firstSeen).u16(row.lastSeen).finish();
}

/** `epoch u16 | salt 32 | last seq u64 | open u8`. */
function loadValue(load: Load): Buffer {
  const writer = new ByteWriter(43).u16(load.epoch).bytes(load.salt).safe64(load.lastSeq);
  return writer.u8(load.open ? 1 : 0).finish();
}

function cutoversValue(state: ControlState): Buffer {
  const writer = new ByteWriter(17).u8(recordVersion);
  return writer.safe64(state.storageCutover).safe64(state.logCutover).finish();
}

/**
 * `version | cluster 16 | keyring index u64 | feature level u32 | clear index key id u32 |
 * events u32 | events dropped u64 | bootstrap index u64 | SHA-256 of the bootstrap 32 (only if
 * that index is not 0)`.
 */
function metaValue(state: ControlState): Buffer {
  const writer = new ByteWriter(80).u8(recordVersion);
  writer.bytes(state.cluster ?? Buffer.alloc(clusterBytes)).safe64(state.keyringIndex);
  writer.u32(state.featureLevel).u32(state.clearIndexKeyId);
  writer.u32(state.history.events.size).safe64(state.history.dropped);
  return writer.safe64(state.bootstrapIndex).bytes(state.bootstrapDigest).finish();
}

/**
 * `version | time u64 | proposer u64 | kind u8 | key_id u32 | purpose u8 (0: none) | request 16 |
 * length u16 | detail`.
 */
function historyValue(event: ControlEvent): Buffer {
  const detail = Buffer.from(event.detail, "utf8");
  const writer = new ByteWriter(64 + detail.length).u8(recordVersion).safe64(event.timeMs);
  writer.u64(event.proposer).u8(eventKinds.indexOf(event.kind) + 1);
  writer.u32(event.keyId).u8(event.purpose === null ? 0 : purposeNumber(event.purpose));
  return writer.bytes(event.request).u16(detail.length).bytes(detail).finish();
}

function historyRecord(state: ControlState, index: number): ControlRecord {
  const event = state.history.events.get(index);
  const name = new ByteWriter(32).bytes(prefixes.history).safe64(index).finish();
  return record(controlTables.history, name, event ? historyValue(event) : null);
}

function record(table: number, key: Buffer, value: Buffer | null): ControlRecord {
  return { table, deleted: value === null, key, value: value ?? Buffer.alloc(0) };
}

function keyringRecord(state: ControlState, id: number): ControlRecord {
  const row = state.keys.get(id);
  return record(controlTables.keyring, keyringKey(id), row ? keyringValue(row) : null);
}

function registryRecord(state: ControlState, place: number): ControlRecord {
  const row = state.writers.get(place);
  return record(controlTables.registry, registryKey(place), row ? registryValue(row) : null);
}

function loadRecord(state: ControlState, place: number): ControlRecord {
  const load = state.loads.get(place);
  return record(controlTables.loads, loadKey(place), load ? loadValue(load) : null);
}

const cutoversRecord = (state: ControlState): ControlRecord =>
  record(controlTables.cutovers, prefixes.cutovers, cutoversValue(state));
const metaRecord = (state: ControlState): ControlRecord =>
  record(controlTables.meta, prefixes.meta, metaValue(state));

const ascending = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);

/** Every row, in canonical order (table, key); none before the first control entry. */
export function toRecords(state: ControlState): ControlRecord[] {
  if (state.keyringIndex === 0) return [];
  return [
    ...ascending(state.keys.keys()).map((id) => keyringRecord(state, id)),
    ...ascending(state.writers.keys()).map((place) => registryRecord(state, place)),
    ...ascending(state.loads.keys()).map((place) => loadRecord(state, place)),
    cutoversRecord(state),
    metaRecord(state),
    ...ascending(state.history.events.keys()).map((index) => historyRecord(state, index)),
  ];
}

/**
 * What changed since the last call, deletions included, in canonical order. Take it in the step
 * that freezes a run: it belongs to exactly that applied index.
 */
export function takeChangedRecords(state: ControlState): ControlRecord[] {
  for (const load of state.dirtyLoads) {
    load.dirty = false;
    state.touchedLoads.add(load.dek * 0x1_0000 + load.node16);
  }
  const changed = [
    ...ascending(state.touchedKeys).map((id) => keyringRecord(state, id)),
    ...ascending(state.touchedWriters).map((place) => registryRecord(state, place)),
    ...ascending(state.touchedLoads).map((place) => loadRecord(state, place)),
    ...(state.touchedCutovers || state.touchedMeta ? [cutoversRecord(state)] : []),
    ...(state.touchedMeta ? [metaRecord(state)] : []),
    ...ascending(state.history.touched).map((index) => historyRecord(state, index)),
  ];
  clearTouched(state);
  return changed;
}

export function clearTouched(state: ControlState): void {
  for (const load of state.dirtyLoads) load.dirty = false;
  state.dirtyLoads.length = 0;
  state.touchedKeys.clear();
  state.touchedWriters.clear();
  state.touchedLoads.clear();
  state.touchedCutovers = false;
  state.touchedMeta = false;
  state.history.touched.clear();
}

/** The state in canonical bytes, for hashes that replicas compare. */
export function stateBytes(state: ControlState): Buffer {
  const writer = new ByteWriter(1024);
  for (const { table, key, value } of toRecords(state))
    writer.u8(table).u16(key.length).bytes(key).u32(value.length).bytes(value);
  return writer.finish();
}

/** Reads the end of a key of a table. */
export function afterPrefix(key: Buffer, prefix: Buffer): ByteReader {
  if (key.length < prefix.length || !key.subarray(0, prefix.length).equals(prefix))
    throw new StrongroomError("FORMAT_RANGE", "key of a control record");
  return new ByteReader(key, prefix.length);
}
