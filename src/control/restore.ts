/**
 * Reads the control state back from the store's control records and checks that they agree with
 * each other. docs/formats/control-records.md.
 * @module
 */
import type { Epoch, FullNodeId, KeyId, LogIndex, NodeId16 } from "../base/brand.ts";
import { ByteReader } from "../base/bytes.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import { clusterBytes } from "../entry/control.ts";
import { node16Of, saltBytes, sessionIdOf } from "../entry/registration.ts";
import { requestBytes } from "../entry/stamp.ts";
import {
  type Purpose,
  purposeOf,
  readKeyId,
  readText,
  readWraps,
  type Wrap,
} from "../entry/wraps.ts";
import { type ControlEvent, detailText, eventKinds, eventsMax } from "./history.ts";
import {
  afterPrefix,
  type ControlRecord,
  clearTouched,
  controlTables,
  keyStates,
  prefixes,
  recordVersion,
} from "./records.ts";
import { opensSession } from "./registry.ts";
import { type ControlDeps, ControlState, type Load, placeOf } from "./state.ts";

/** In the value of a row of the keyring, before its wraps. */
const wrapsAt = 3 + 4 * 8;

function need(condition: boolean, text: string): asserts condition {
  if (!condition) throw new StrongroomError("CONTROL_RECORDS_DAMAGED", text);
}

/**
 * @param records - In any order; of tables that are not control's, none; each key once.
 * @param cluster - As the sidecar names it, null without one.
 * @throws CONTROL_RECORDS_DAMAGED unless every row is whole and all agree; SIDECAR_FOREIGN.
 */
export function fromRecords(
  records: Iterable<ControlRecord>,
  deps: ControlDeps,
  cluster: Uint8Array | null = null,
): ControlState {
  const state = new ControlState(deps, cluster);
  const later: ControlRecord[] = [];
  const events: ControlEvent[] = [];
  const tables = new Set<number>();
  for (const record of records) {
    if (record.deleted) continue;
    try {
      if (record.table === controlTables.loads) later.push(record);
      else if (record.table === controlTables.history) events.push(readEvent(record));
      else readRecord(state, record);
    } catch (error) {
      throw damaged(error);
    }
    tables.add(record.table);
  }
  try {
    for (const record of later) readLoad(state, record);
    readHistory(state, events);
  } catch (error) {
    throw damaged(error);
  }
  const { meta, cutovers } = controlTables;
  need(tables.size === 0 || (tables.has(meta) && tables.has(cutovers)), "a row is missing");
  if (tables.size > 0) checkWhole(state);
  clearTouched(state);
  return state;
}

function damaged(error: unknown): unknown {
  if (!isStrongroomError(error)) return error;
  if (isStrongroomError(error, "CONTROL_RECORDS_DAMAGED", "SIDECAR_FOREIGN")) return error;
  return new StrongroomError("CONTROL_RECORDS_DAMAGED", (error as Error).message, {
    cause: error,
  });
}

function readRecord(state: ControlState, record: ControlRecord): void {
  switch (record.table) {
    case controlTables.keyring:
      readKey(state, record);
      break;
    case controlTables.registry:
      readWriter(state, record);
      break;
    case controlTables.cutovers:
      readCutovers(state, record);
      break;
    case controlTables.meta:
      readMeta(state, record);
      break;
    default:
      need(false, `table ${record.table} is not control's`);
  }
}

function versioned(record: ControlRecord): ByteReader {
  const reader = new ByteReader(record.value);
  need(reader.u8() === recordVersion, "version of a control record");
  return reader;
}

function readKey(state: ControlState, record: ControlRecord): void {
  const name = afterPrefix(record.key, prefixes.keyring);
  const id = readKeyId(name);
  name.finish();
  need(!state.keys.has(id), `key ${id} twice`);
  const value = versioned(record);
  const purpose = purposeOf(value.u8());
  const keyState = keyStates[value.u8() - 1];
  need(keyState !== undefined, `state of key ${id}`);
  const created = value.safe64() as LogIndex;
  const activated = value.safe64();
  const createdMs = value.safe64();
  const activatedMs = value.safe64();
  const wraps = readWraps(value, keyState === "retired" ? 0 : 1);
  value.finish();
  need(keyState !== "retired" || wraps.length === 0, `a wrap of retired key ${id}`);
  need(created > 0 && (activated === 0 || activated >= created), `indexes of key ${id}`);
  need(keyState !== "active" || activated > 0, `key ${id} is active without an entry`);
  const times = { created, activated, createdMs, activatedMs };
  state.keys.set(id, { id, purpose, wraps, state: keyState, ...times });
}

/** The wraps that the value of a row of the keyring holds. @throws FORMAT_*. */
export function wrapsOfRow(row: Buffer): Wrap[] {
  const reader = new ByteReader(row);
  reader.bytes(wrapsAt);
  return readWraps(reader, 0);
}

function readWriter(state: ControlState, record: ControlRecord): void {
  const name = afterPrefix(record.key, prefixes.registry);
  const dek = name.u32();
  need(name.u8() === 0x7c, "key of a writer row");
  const node16 = name.u16() as NodeId16;
  name.finish();
  const value = new ByteReader(record.value);
  const fullNodeId = value.u64() as FullNodeId;
  const firstSeen = value.u16() as Epoch;
  const lastSeen = value.u16() as Epoch;
  value.finish();
  need(node16Of(fullNodeId) === node16, "a writer row under another slot");
  need(firstSeen > 0 && lastSeen >= firstSeen, "epochs of a writer row");
  const place = placeOf(dek, node16);
  need(!state.writers.has(place), "a writer row twice");
  state.writers.set(place, { dek, node16, fullNodeId, firstSeen, lastSeen });
}

function readCutovers(state: ControlState, record: ControlRecord): void {
  need(record.key.equals(prefixes.cutovers), "key of the cutovers");
  const value = versioned(record);
  state.storageCutover = value.safe64();
  state.logCutover = value.safe64();
  value.finish();
}

function readMeta(state: ControlState, record: ControlRecord): void {
  need(record.key.equals(prefixes.meta), "key of the meta row");
  const value = versioned(record);
  const cluster = Buffer.from(value.bytes(clusterBytes));
  if (state.cluster !== null && !state.cluster.equals(cluster))
    throw new StrongroomError("SIDECAR_FOREIGN", "the store's rows are of another cluster");
  state.cluster = cluster;
  state.keyringIndex = value.safe64();
  state.featureLevel = value.u32();
  state.clearIndexKeyId = value.u32();
  state.history.expected = value.u32();
  state.history.dropped = value.safe64();
  state.bootstrapIndex = value.safe64();
  state.bootstrapDigest = Buffer.from(value.bytes(state.bootstrapIndex > 0 ? 32 : 0));
  value.finish();
}

function readLoad(state: ControlState, record: ControlRecord): void {
  const name = afterPrefix(record.key, prefixes.loads);
  const dek = name.u32();
  const node16 = name.u16() as NodeId16;
  name.finish();
  const value = new ByteReader(record.value);
  const epoch = value.u16() as Epoch;
  const salt = Buffer.from(value.bytes(saltBytes));
  const lastSeq = value.safe64();
  const openByte = value.u8();
  value.finish();
  need(openByte <= 1, "flag of a load");
  const place = placeOf(dek, node16);
  const row = state.writers.get(place);
  need(row !== undefined && row.lastSeen === epoch, "a load that the registry does not know");
  need(!state.loads.has(place), "a load twice");
  const session = sessionIdOf(salt, state.deps.sha256);
  const open = openByte === 1;
  const load: Load = { dek, node16, epoch, salt, session, lastSeq, open, dirty: false };
  state.loads.set(place, load);
  const purpose = state.keys.get(dek)?.purpose ?? null;
  need(dek === 0 || purpose !== null, "a load under an unknown key");
  if (!opensSession(dek, purpose)) {
    need(!open && lastSeq === 0, "a session under a storage key");
    return;
  }
  need(!state.sessions.has(session), "two loads of one session");
  state.sessions.set(session, load);
  if (!open) return;
  need(!state.current.has(row.fullNodeId), "two open sessions of a node");
  state.current.set(row.fullNodeId, load);
}

function readEvent(record: ControlRecord): ControlEvent {
  const name = afterPrefix(record.key, prefixes.history);
  const index = name.safe64();
  name.finish();
  const value = versioned(record);
  const timeMs = value.safe64();
  const proposer = value.u64() as FullNodeId;
  const kind = eventKinds[value.u8() - 1];
  const keyId = value.u32();
  const purposeByte = value.u8();
  const purpose = purposeByte === 0 ? null : purposeOf(purposeByte);
  const request = Buffer.from(value.bytes(requestBytes));
  const detail = readText(value, value.u16());
  value.finish();
  need(index > 0 && kind !== undefined, "an event of the history");
  need(detail === detailText(detail), "detail of an event");
  return { index, timeMs, proposer, kind, keyId, purpose, request, detail };
}

function readHistory(state: ControlState, events: ControlEvent[]): void {
  need(events.length <= eventsMax, "more events than are kept");
  events.sort((one, other) => one.index - other.index);
  for (const event of events) {
    need(!state.history.events.has(event.index), "an event twice");
    need(
      event.request.every((byte) => byte === 0) || !state.history.find(event.request),
      "a request twice",
    );
    state.history.restore(event);
  }
  need(events.length === state.history.expected, "an event of the history is missing");
}

function checkWhole(state: ControlState): void {
  need(state.keyringIndex > 0, "keyring index 0");
  need(state.writers.size === state.loads.size, "a writer row without its load");
  const count = (purpose: Purpose): number =>
    [...state.keys.values()].filter((key) => key.purpose === purpose && key.state === "active")
      .length;
  const wanted = state.bootstrapped ? 1 : 0;
  for (const purpose of ["storage", "log", "index"] as const)
    need(count(purpose) === wanted, `${count(purpose)} active ${purpose} keys`);
  need(state.bootstrapped || state.keys.size === 0, "keys without a bootstrap");
  need(state.bootstrapped !== state.clearIndexKeyId > 0, "index key both in clear and wrapped");
  const cutover = state.storageCutover + state.logCutover;
  need(state.bootstrapped || cutover === 0, "an envelope on without a bootstrap");
  for (const load of state.current.values()) {
    const key: KeyId | undefined = state.keys.get(load.dek)?.id;
    const fenced = key !== undefined && state.keys.get(key)?.state === "fenced";
    need(!fenced, "an open session under a fenced key");
  }
}
