/**
 * How control rows stand in the store: their value as base64 text (RFC 4648, section 4), like the
 * wraps in the sidecar. The bootstrap entry in the log holds the same wraps as bytes; as text the
 * store holds no copy of a ciphertext, so whoever searches a disk for ciphertext that occurs twice,
 * the mark of a repeated nonce, finds nothing to explain. docs/formats/control-records.md.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { type ControlRecord, controlTables } from "./records.ts";

const own: ReadonlySet<number> = new Set(Object.values(controlTables));
const text = /^[A-Za-z0-9+/]*={0,2}$/;

export function rowText(value: Buffer): Buffer {
  return Buffer.from(value.toString("base64"), "latin1");
}

/** @throws CONTROL_RECORDS_DAMAGED unless it is exactly what `rowText` writes. */
export function rowValue(stored: Buffer): Buffer {
  const written = stored.toString("latin1");
  const value = Buffer.from(written, "base64");
  if (!text.test(written) || value.toString("base64") !== written)
    throw new StrongroomError("CONTROL_RECORDS_DAMAGED", "a row that is no base64");
  return value;
}

/** Of the rows of a store those of control's tables, with the values that they stand for. */
export function controlRows(records: Iterable<ControlRecord>): ControlRecord[] {
  return [...records]
    .filter(({ table }) => own.has(table))
    .map((record) => ({ ...record, value: rowValue(record.value) }));
}
