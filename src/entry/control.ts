/**
 * Control entries that are not sealed, because they must be readable before the keys are: 0x03
 * registration, 0x04 bootstrap, 0x05 keyring change (see keychange.ts). They carry no secret.
 * Hazard: whoever can write to the log could forge "retire", so after the bootstrap 0x03 and 0x05
 * end in `mac key_id u32 | HMAC-SHA-256 32` over cluster, group, session, seq, opcode and body:
 * none can be moved, repeated or altered. docs/formats/log-entry.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import { opcode } from "./logentry.ts";
import {
  type Registration,
  readRegistration,
  readRegistrations,
  writeRegistration,
  writeRegistrations,
} from "./registration.ts";
import { noStamp, readStamp, type Stamp, writeStamp } from "./stamp.ts";
import { readKeyId, readWraps, type Wrap, writeWraps } from "./wraps.ts";

export const controlOpcodes = {
  registration: opcode.registration,
  bootstrap: opcode.bootstrap,
  keyChange: opcode.keyring,
} as const;
export type ControlOpcode = (typeof controlOpcodes)[keyof typeof controlOpcodes];

const controlVersion = 1;
export const clusterBytes = 16;
/** `mac key_id u32 | HMAC 32`. */
export const trailerBytes = 36;
const domain = Buffer.from("strongroom/1/control\0", "latin1");

/** A DEK of the bootstrap. */
export interface BootstrapKey {
  readonly keyId: KeyId;
  readonly wraps: readonly Wrap[];
}

export interface Bootstrap {
  readonly cluster: Uint8Array;
  readonly storage: BootstrapKey;
  readonly log: BootstrapKey;
  readonly index: BootstrapKey;
  readonly registrations: readonly Registration[];
}

/** Where an entry stands; the MAC binds a control entry to it. */
export interface ControlPlace {
  readonly cluster: Uint8Array;
  readonly group: number;
  readonly session: bigint;
  readonly seq: number;
}

/** True for payloads in clear that `control` judges, by their first byte. */
export function isControlOpcode(first: number): first is ControlOpcode {
  return first >= controlOpcodes.registration && first <= controlOpcodes.keyChange;
}

/** @throws FORMAT_VERSION unless the next byte is 1. */
function readVersion(reader: ByteReader): void {
  if (reader.u8() !== controlVersion)
    throw new StrongroomError("FORMAT_VERSION", "version of a control entry");
}

/** `version | stamp`: how every body begins. */
export function writeHead(writer: ByteWriter, stamp: Stamp): void {
  writeStamp(writer.u8(controlVersion), stamp);
}

/** @throws FORMAT_VERSION, FORMAT_RANGE, FORMAT_TRUNCATED. */
export function readHead(reader: ByteReader): Stamp {
  readVersion(reader);
  return readStamp(reader);
}

/** Request and time of a body that its decoder has taken. */
export function stampOf(body: Buffer): Stamp {
  return readHead(new ByteReader(body));
}

/** `version | stamp | registration`, without opcode and trailer. */
export function encodeRegistration(registration: Registration, stamp: Stamp = noStamp): Buffer {
  const writer = new ByteWriter(96);
  writeHead(writer, stamp);
  writeRegistration(writer, registration);
  return writer.finish();
}

export function decodeRegistration(body: Buffer): Registration {
  const reader = new ByteReader(body);
  readHead(reader);
  const registration = readRegistration(reader);
  reader.finish();
  return registration;
}

/**
 * `version | stamp | cluster 16 | storage, log, index: (key_id, wraps) | count u32 |
 * registrations`.
 */
export function encodeBootstrap(bootstrap: Bootstrap, stamp: Stamp = noStamp): Buffer {
  assert(bootstrap.cluster.length === clusterBytes);
  const writer = new ByteWriter(1024);
  writeHead(writer, stamp);
  writer.bytes(bootstrap.cluster);
  for (const key of [bootstrap.storage, bootstrap.log, bootstrap.index]) {
    writer.u32(key.keyId);
    writeWraps(writer, key.wraps);
  }
  writeRegistrations(writer, bootstrap.registrations);
  return writer.finish();
}

export function decodeBootstrap(body: Buffer): Bootstrap {
  const reader = new ByteReader(body);
  readHead(reader);
  const cluster = Buffer.from(reader.bytes(clusterBytes));
  const key = (): BootstrapKey => ({ keyId: readKeyId(reader), wraps: readWraps(reader) });
  const storage = key();
  const log = key();
  const index = key();
  const registrations = readRegistrations(reader);
  reader.finish();
  return { cluster, storage, log, index, registrations };
}

/**
 * What the trailer's HMAC covers: domain | cluster 16 | group u16 | session u64 | seq u64 |
 * opcode u8 | mac key_id u32 | body. All before the body has a fixed length.
 */
export function controlMacInput(
  place: ControlPlace,
  kind: ControlOpcode,
  keyId: KeyId,
  body: Uint8Array,
): Buffer {
  assert(place.cluster.length === clusterBytes);
  const writer = new ByteWriter(domain.length + 39 + body.length).bytes(domain);
  writer.bytes(place.cluster).u16(place.group).u64(place.session).safe64(place.seq);
  return writer.u8(kind).u32(keyId).bytes(body).finish();
}

export interface Trailer {
  readonly body: Buffer;
  readonly keyId: KeyId;
  readonly tag: Buffer;
}

/** Splits what follows the opcode; null if it is too short or names key 0, so never authentic. */
export function splitTrailer(bodyAndTrailer: Buffer): Trailer | null {
  const at = bodyAndTrailer.length - trailerBytes;
  if (at < 0) return null;
  const keyId = bodyAndTrailer.readUInt32BE(at) as KeyId;
  if (keyId === 0) return null;
  return { body: bodyAndTrailer.subarray(0, at), keyId, tag: bodyAndTrailer.subarray(at + 4) };
}

/** The payload of an entry: `opcode | body`, then the trailer unless `mac` is null. */
export function encodeControlPayload(
  kind: ControlOpcode,
  body: Uint8Array,
  mac: { readonly keyId: KeyId; readonly tag: Uint8Array } | null,
): Buffer {
  const writer = new ByteWriter(1 + body.length + trailerBytes).u8(kind).bytes(body);
  if (mac !== null) {
    assert(mac.tag.length === 32);
    writer.u32(mac.keyId).bytes(mac.tag);
  }
  return writer.finish();
}
