/**
 * The hint of a closed segment: every record of it without its body, sorted by physical key, so
 * that a start need not read the segment. It only saves time: one that is missing, or wrong in any
 * bit, is replaced by reading the segment.
 *
 *   magic 8 | version u8 | key_id u32 | number u32 | segment length u64 | last commit MAC 32
 *   | records u32 | controls u32 | record 54 * records | (offset u32 | length u32) * controls
 *   | MAC 32
 *   record: the record's own header 46 (entry/record.ts) | offset u32 | length u32
 *
 * The bodies of control records are read from the segment, where they stand already; the MAC covers
 * them too, behind the rest.
 * @module
 */
import { ByteReader, ByteWriter, equalBytes, letGo, putU32 } from "../../base/bytes.ts";
import { kindControl, physicalAt, recordHeaderBytes } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import type { MacKey } from "../../platform/primitives.ts";
import { copyBytes, copyWords, ranksOf, viewOf } from "./bytes.ts";
import { macBytes, signTagged } from "./header.ts";
import { hintKind } from "./names.ts";

export const hintOffsetAt = recordHeaderBytes;
export const hintLengthAt = recordHeaderBytes + 4;
export const hintEntryBytes = recordHeaderBytes + 8;

const headBytes = 65;

export interface HintIdentity {
  readonly keyId: number;
  readonly number: number;
  /** Bytes of the closed segment. */
  readonly length: number;
  /** MAC of its last commit; of its chain's beginning if it has none. */
  readonly lastMac: Buffer;
}

/** Collects the entries of one segment while it is written or read. */
export class HintEntries {
  records = 0;
  entries: Buffer;
  readonly controls = new ByteWriter(256);
  /** Bytes of `entries`. */
  used = 0;

  constructor(records = 64) {
    this.entries = Buffer.allocUnsafeSlow(records * hintEntryBytes);
  }

  /** Adds the put, tombstone or control record at `bodyAt`. @param offset - Of its frame. */
  add(buffer: Buffer, bodyAt: number, length: number, offset: number): void {
    if (buffer[bodyAt] === kindControl) {
      this.controls.u32(offset).u32(length);
      this.controls.bytes(buffer.subarray(bodyAt, bodyAt + length));
      return;
    }
    if (this.used === this.entries.length) {
      const larger = Buffer.allocUnsafeSlow(this.entries.length * 2);
      this.entries.copy(larger);
      letGo(this.entries);
      this.entries = larger;
    }
    const { entries, used } = this;
    copyBytes(buffer, bodyAt, entries, used, recordHeaderBytes);
    putU32(entries, offset, used + hintOffsetAt);
    putU32(entries, length, used + hintLengthAt);
    this.used += hintEntryBytes;
    this.records++;
  }

  /** Somebody has added `records` entries, up to `used`. */
  added(used: number, records: number): void {
    this.used = used;
    this.records += records;
  }

  /** Takes the entries added since `mark()` back: their run has no commit. */
  reset(mark: { readonly records: number; readonly controls: number }): void {
    this.records = mark.records;
    this.used = mark.records * hintEntryBytes;
    this.controls.at = mark.controls;
  }

  mark(): { records: number; controls: number } {
    return { records: this.records, controls: this.controls.at };
  }

  view(): Buffer {
    return this.entries.subarray(0, this.used);
  }

  /** Forgets the entries: their memory serves those of another segment. */
  clear(): this {
    this.reset({ records: 0, controls: 0 });
    return this;
  }
}

export function encodeHint(identity: HintIdentity, hint: HintEntries, key: MacKey): Buffer {
  const controls = readControls(hint);
  const entriesBytes = hint.records * hintEntryBytes;
  const writer = new ByteWriter(headBytes + entriesBytes + controls.length * 8 + macBytes);
  writer.bytes(Buffer.from(hintKind.magic, "latin1")).u8(hintKind.version);
  writer.u32(identity.keyId).u32(identity.number).safe64(identity.length).bytes(identity.lastMac);
  writer.u32(hint.records).u32(controls.length);
  const at = writer.reserve(entriesBytes);
  sortInto(hint, writer.buffer, at);
  for (const { offset, length } of controls) writer.u32(offset).u32(length);
  return writer.bytes(hintMac(key, writer.view(), controls)).view();
}

function hintMac(key: MacKey, signed: Buffer, controls: readonly HintControl[]): Buffer {
  return signTagged(key, "H", signed, ...controls.map(({ body }) => body));
}

/**
 * The entries by the first 32 bits of the physical key: a start then walks the index in order. What
 * is read in order and written out of it waits for memory less than the other way round.
 */
function sortInto(hint: HintEntries, target: Buffer, at: number): void {
  const entries = viewOf(hint.view());
  const heads = new Uint32Array(hint.records);
  for (let i = 0; i < heads.length; i++)
    heads[i] = entries.getUint32(i * hintEntryBytes + physicalAt);
  const ranks = ranksOf(heads);
  const sorted = viewOf(target);
  for (let i = 0; i < heads.length; i++) {
    const to = at + (ranks[i] as number) * hintEntryBytes;
    copyWords(entries, i * hintEntryBytes, sorted, to, hintEntryBytes);
  }
  letGo(heads);
  letGo(ranks);
}

export interface DecodedHint {
  readonly records: number;
  readonly entries: Buffer;
  readonly controls: readonly HintControl[];
}

/** A control record of the segment: its frame's place and its whole body. */
export interface HintControl {
  readonly offset: number;
  readonly length: number;
  readonly body: Buffer;
}

/** Reads from the segment of a hint, as `DiskFile` does. */
export interface SegmentBytes {
  read(target: Uint8Array, position: number): number;
}

/**
 * @param segment - The segment's file: control records are read from it.
 * @returns null unless it is, whole and authentic, the hint of just this segment.
 */
export function decodeHint(
  identity: HintIdentity,
  data: Buffer,
  key: MacKey,
  segment: SegmentBytes,
): DecodedHint | null {
  if (data.length < headBytes + macBytes) return null;
  const signed = data.subarray(0, data.length - macBytes);
  const reader = new ByteReader(signed);
  if (reader.bytes(8).toString("latin1") !== hintKind.magic) return null;
  if (reader.u8() !== hintKind.version || reader.u32() !== identity.keyId) return null;
  if (reader.u32() !== identity.number || reader.safe64() !== identity.length) return null;
  if (Buffer.compare(reader.bytes(macBytes), identity.lastMac) !== 0) return null;
  const records = reader.u32();
  const count = reader.u32();
  if (records * hintEntryBytes + count * 8 !== reader.left) return null;
  const entries = reader.bytes(records * hintEntryBytes);
  const controls = bodiesOf(reader, identity.length, segment);
  if (controls === null) return null;
  const mac = hintMac(key, signed, controls);
  return equalBytes(mac, data.subarray(signed.length)) ? { records, entries, controls } : null;
}

/** The control records at the places that follow; null if they are not within the segment. */
function bodiesOf(
  reader: ByteReader,
  segmentBytes: number,
  segment: SegmentBytes,
): HintControl[] | null {
  const controls: HintControl[] = [];
  let total = 0;
  while (reader.left > 0) {
    const offset = reader.u32();
    const length = reader.u32();
    total += length;
    const at = offset + frameHeaderBytes;
    if (total > segmentBytes || at + length > segmentBytes) return null;
    const body = Buffer.allocUnsafe(length);
    if (segment.read(body, at) !== length) return null;
    controls.push({ offset, length, body });
  }
  return controls;
}

function readControls(hint: HintEntries): HintControl[] {
  const reader = new ByteReader(hint.controls.finish());
  const controls: HintControl[] = [];
  while (reader.left > 0) {
    const offset = reader.u32();
    const length = reader.u32();
    controls.push({ offset, length, body: reader.bytes(length) });
  }
  return controls;
}

/** The same shape from entries that were collected by reading a segment. */
export function collected(hint: HintEntries): DecodedHint {
  return { records: hint.records, entries: hint.view(), controls: readControls(hint) };
}

/** Structured cloning turns a Buffer into a Uint8Array. */
export function asBuffers(hint: DecodedHint): DecodedHint {
  const own = (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  const controls = hint.controls.map((control) => ({ ...control, body: own(control.body) }));
  return { records: hint.records, entries: own(hint.entries), controls };
}
