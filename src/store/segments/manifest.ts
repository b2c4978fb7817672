/**
 * The store's manifest: which segments exist, how far each closed one goes and how its chain of
 * commits ends, and the last commit when it was written. A file that it does not explain, or that
 * it lists and that is not there, shows that files were lost, exchanged or put back from another
 * time.
 *
 * Entries of the MAC'd manifest (files/manifest.ts), the first one:
 *   cluster 16 | group u16 | generation u64 | next number u32 | clear below u32
 *   | commit number u64, applied u64, session u64, seq u64, ts u64, MAC 32
 *   | pending count u32 | numbers u32* | retired count u32 | numbers u32*
 * then one for each segment:
 *   number u32 | state u8 (0 open, 1 closed) | key_id u32 | length u64 | last MAC 32
 *   | header MAC 32
 *
 * `pending` numbers may have a file that nothing refers to yet (the compactor's output), `retired`
 * ones may still have a file (the compactor's source): after a crash both are removed.
 * @module
 */
import { ByteReader, ByteWriter, equalBytes } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import {
  encodeManifest,
  type ManifestKey,
  readManifest as readManifestFile,
} from "../../files/manifest.ts";
import type { Primitives } from "../../platform/primitives.ts";
import type { SealedPlace } from "../../sealed/place.ts";
import type { Commit, StorageKeys } from "../store.ts";
import { macBytes } from "./header.ts";
import { manifestKind, manifestPath } from "./names.ts";

export interface ManifestSegment {
  readonly number: number;
  readonly closed: boolean;
  /** 0: clear. */
  readonly keyId: number;
  /** Of a closed segment its bytes; of an open one 0. */
  readonly length: number;
  /** Of a closed segment the MAC of its last commit; of an open one the chain's beginning. */
  readonly lastMac: Buffer;
  readonly headerMac: Buffer;
}

export interface ManifestState {
  readonly generation: number;
  /** Every number below was given away once and never is again. */
  readonly nextNumber: number;
  /** 0: clear segments may be made. Else clear ones have lesser numbers and none may join. */
  readonly clearBelow: number;
  /** The last flusher commit when it was written; everything after lies in the open segment. */
  readonly commit: Commit;
  readonly commitMac: Buffer;
  readonly pending: readonly number[];
  readonly retired: readonly number[];
  readonly segments: readonly ManifestSegment[];
}

const segmentsMax = 1_000_000;

function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.u32(numbers.length);
  for (const number of numbers) writer.u32(number);
}

function readNumbers(reader: ByteReader): number[] {
  const count = reader.u32();
  if (count > segmentsMax) throw new StrongroomError("FORMAT_RANGE", "manifest: too many numbers");
  return Array.from({ length: count }, () => reader.u32());
}

function encodeHead(place: SealedPlace, state: ManifestState): Buffer {
  const { commit } = state;
  const writer = new ByteWriter(256);
  writer.bytes(place.cluster).u16(place.group).safe64(state.generation);
  writer.u32(state.nextNumber).u32(state.clearBelow);
  writer.safe64(commit.number).safe64(commit.appliedIndex).u64(commit.session).safe64(commit.seq);
  writer.u64(commit.commitTs).bytes(state.commitMac);
  writeNumbers(writer, state.pending);
  writeNumbers(writer, state.retired);
  return writer.finish();
}

function encodeSegment(segment: ManifestSegment): Buffer {
  const writer = new ByteWriter(96);
  writer
    .u32(segment.number)
    .u8(segment.closed ? 1 : 0)
    .u32(segment.keyId);
  return writer.safe64(segment.length).bytes(segment.lastMac).bytes(segment.headerMac).finish();
}

function decodeSegment(entry: Buffer): ManifestSegment {
  const reader = new ByteReader(entry);
  const number = reader.u32();
  const state = reader.u8();
  if (state > 1) throw new StrongroomError("FORMAT_VERSION", `manifest: segment state ${state}`);
  const segment = {
    number,
    closed: state === 1,
    keyId: reader.u32(),
    length: reader.safe64(),
    lastMac: Buffer.from(reader.bytes(macBytes)),
    headerMac: Buffer.from(reader.bytes(macBytes)),
  };
  reader.finish();
  return segment;
}

/** A manifest's key for a key id; the key is gone when `sign` returns. */
function signerOf(primitives: Primitives, keys: StorageKeys, keyId: number): ManifestKey {
  return {
    keyId,
    sign(data) {
      const key = keys.macKey(keyId, "manifest");
      const mac = primitives.mac(key);
      key.fill(0);
      const out = Buffer.alloc(macBytes);
      mac.sign(data, 0, data.length, out, 0, macBytes);
      mac.dispose();
      return out;
    },
  };
}

/** @param keyId - 0: without a MAC. */
export function encodeManifestState(
  primitives: Primitives,
  keys: StorageKeys,
  keyId: number,
  place: SealedPlace,
  state: ManifestState,
): Buffer {
  const entries = [encodeHead(place, state), ...state.segments.map(encodeSegment)];
  const key = keyId === 0 ? null : signerOf(primitives, keys, keyId);
  return encodeManifest(manifestKind, entries, key);
}

/**
 * @returns null if there is none; else the state and the key that signed it.
 * @throws FILE_MANIFEST_DAMAGED, FILE_MAC_MISMATCH, STORE_FOREIGN, FORMAT_*.
 */
export function readState(
  primitives: Primitives,
  keys: StorageKeys,
  disk: Disk,
  directory: string,
  place: SealedPlace,
): { keyId: number; state: ManifestState } | null {
  const path = manifestPath(directory);
  const keyFor = (keyId: number) => signerOf(primitives, keys, keyId);
  const manifest = readManifestFile(disk, path, manifestKind, keyFor);
  if (manifest === null) return null;
  const [first] = manifest.entries;
  if (first === undefined) throw new StrongroomError("FORMAT_TRUNCATED", `${path}: no entries`);
  const reader = new ByteReader(first);
  const foreign = !equalBytes(reader.bytes(16), place.cluster);
  if (reader.u16() !== place.group || foreign)
    throw new StrongroomError("STORE_FOREIGN", `${path}: of another cluster or group`);
  return { keyId: manifest.keyId, state: decodeManifestEntries(manifest.entries) };
}

/** What the entries say, the first one's cluster and group passed over. @throws FORMAT_*. */
export function decodeManifestEntries(entries: readonly Buffer[]): ManifestState {
  const [first = Buffer.alloc(0), ...rest] = entries;
  const reader = new ByteReader(first);
  reader.bytes(16);
  reader.u16();
  const head = { generation: reader.safe64(), nextNumber: reader.u32(), clearBelow: reader.u32() };
  const commit = {
    number: reader.safe64(),
    appliedIndex: reader.safe64(),
    session: reader.u64(),
    seq: reader.safe64(),
    commitTs: reader.u64(),
  };
  const commitMac = Buffer.from(reader.bytes(macBytes));
  const lists = { pending: readNumbers(reader), retired: readNumbers(reader) };
  reader.finish();
  return { ...head, commit, commitMac, ...lists, segments: rest.map(decodeSegment) };
}
