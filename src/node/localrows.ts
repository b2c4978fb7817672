// Permanent format of the rows that are this node's own (table 0x30 of the store), their values as
// base64 text: change it only by adding a version.
//
//   key "node":                version 1 u8 | node id (printable ASCII)
//   key "rewrite|" key_id u32: version 1 u8 | state u8 (1 running, 2 paused, 3 done, 4 cancelled)
//                              | bytes total u64 | records total u64 | bytes a second u64
//   key "request|" id 16:      version 1 u8 | ordinal u64 | applied index u64
//                              | kind u8 (1 start, 2 pause, 3 resume, 4 throttle, 5 cancel of a
//                              rewrite, 6 resync) | key_id u32
//
/**
 * Control rows that are not replicated: who this node is, and what it was asked to do with its own
 * files. They stand in the same commits as everything else, so a kill loses none of them.
 * docs/formats/control-records.md.
 * @module
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import { rowText, rowValue } from "../control/rowtext.ts";

export const tableLocal = 0x30;
const rowVersion = 1;
const nodeKey = Buffer.from("node", "latin1");
const rewritePrefix = Buffer.from("rewrite|", "latin1");
const requestPrefix = Buffer.from("request|", "latin1");
const requestBytes = 16;
/** Requests that are known again. */
export const requestIdsMax = 256;

export interface LocalRow {
  readonly table: number;
  readonly deleted: boolean;
  readonly key: Buffer;
  /** As it stands in the store. */
  readonly value: Buffer;
}

export const rewriteStates = ["running", "paused", "done", "cancelled"] as const;
export type RewriteState = (typeof rewriteStates)[number];

export interface RewriteRow {
  readonly keyId: number;
  state: RewriteState;
  bytesTotal: number;
  recordsTotal: number;
  /** 0: unthrottled. */
  bytesPerSecond: number;
}

/** In the order of their numbers on disk, from 1. */
export const requestKinds = ["start", "pause", "resume", "throttle", "cancel", "resync"] as const;
export type RequestKind = (typeof requestKinds)[number];

/** A request that changed this node alone, and was done. */
export interface RequestRow {
  /** 16 bytes. */
  readonly request: Buffer;
  /** Grows from request to request: the lowest is forgotten first. */
  readonly ordinal: number;
  readonly appliedIndex: number;
  readonly kind: RequestKind;
  readonly keyId: number;
}

function row(key: Buffer, value: Buffer | null): LocalRow {
  const stored = value === null ? Buffer.alloc(0) : rowText(value);
  return { table: tableLocal, deleted: value === null, key, value: stored };
}

export function nodeRow(nodeId: string): LocalRow {
  return row(nodeKey, Buffer.concat([Buffer.of(rowVersion), Buffer.from(nodeId, "latin1")]));
}

function rewriteKey(keyId: number): Buffer {
  return new ByteWriter(12).bytes(rewritePrefix).u32(keyId).finish();
}

/** @param rewrite - Null: the row is deleted. */
export function rewriteRow(keyId: number, rewrite: RewriteRow | null): LocalRow {
  if (rewrite === null) return row(rewriteKey(keyId), null);
  const writer = new ByteWriter(26).u8(rowVersion).u8(rewriteStates.indexOf(rewrite.state) + 1);
  writer.safe64(rewrite.bytesTotal).safe64(rewrite.recordsTotal).safe64(rewrite.bytesPerSecond);
  return row(rewriteKey(keyId), writer.finish());
}

/** @param done - Null: the row is deleted. */
export function requestIdRow(request: Buffer, done: RequestRow | null): LocalRow {
  const key = Buffer.concat([requestPrefix, request]);
  if (done === null) return row(key, null);
  const writer = new ByteWriter(22).u8(rowVersion).safe64(done.ordinal).safe64(done.appliedIndex);
  writer.u8(requestKinds.indexOf(done.kind) + 1).u32(done.keyId);
  return row(key, writer.finish());
}

export interface LocalRows {
  /** Null: the store is older than this row. */
  readonly nodeId: string | null;
  readonly rewrites: readonly RewriteRow[];
  readonly requests: readonly RequestRow[];
}

/** @throws CONTROL_RECORDS_DAMAGED, FORMAT_*. Rows of other tables are passed over. */
export function readLocalRows(rows: Iterable<LocalRow>): LocalRows {
  let nodeId: string | null = null;
  const rewrites: RewriteRow[] = [];
  const requests: RequestRow[] = [];
  for (const { table, deleted, key, value: stored } of rows) {
    if (table !== tableLocal || deleted) continue;
    const value = new ByteReader(rowValue(stored));
    if (value.u8() !== rowVersion)
      throw new StrongroomError("FORMAT_VERSION", "a row of the node's own");
    if (key.equals(nodeKey)) nodeId = value.bytes(value.left).toString("latin1");
    else if (startsWith(key, requestPrefix)) requests.push(readRequest(key, value));
    else rewrites.push(readRewrite(key, value));
  }
  return { nodeId, rewrites, requests };
}

const startsWith = (key: Buffer, prefix: Buffer): boolean =>
  key.subarray(0, prefix.length).equals(prefix);

function readRequest(key: Buffer, value: ByteReader): RequestRow {
  const name = new ByteReader(key);
  name.bytes(requestPrefix.length);
  const request = Buffer.from(name.bytes(requestBytes));
  name.finish();
  const ordinal = value.safe64();
  const appliedIndex = value.safe64();
  const kind = requestKinds[value.u8() - 1];
  if (kind === undefined) throw new StrongroomError("FORMAT_RANGE", "kind of a request");
  const keyId = value.u32();
  value.finish();
  return { request, ordinal, appliedIndex, kind, keyId };
}

function readRewrite(key: Buffer, value: ByteReader): RewriteRow {
  const name = new ByteReader(key);
  if (!name.bytes(rewritePrefix.length).equals(rewritePrefix))
    throw new StrongroomError("FORMAT_RANGE", "key of a row of the node's own");
  const keyId = name.u32();
  name.finish();
  const state = rewriteStates[value.u8() - 1];
  if (state === undefined) throw new StrongroomError("FORMAT_RANGE", "state of a rewrite");
  const bytesTotal = value.safe64();
  const recordsTotal = value.safe64();
  const bytesPerSecond = value.safe64();
  value.finish();
  return { keyId, state, bytesTotal, recordsTotal, bytesPerSecond };
}
