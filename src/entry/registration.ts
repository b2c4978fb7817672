/**
 * A registration: "this load of this node writes under this DEK". 46 bytes:
 * `dek u32 | full_node_id u64 | local_epoch u16 | salt 32`. The salt is drawn afresh by every load,
 * so that a copied disk never derives a subkey that the original already used; the first 8 bytes of
 * its SHA-256 name the session. docs/formats/log-entry.md.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";
import type { Epoch, FullNodeId, NodeId16, SessionId } from "../base/brand.ts";
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";

export const saltBytes = 32;
export const registrationBytes = 46;
/** Most registrations in one entry: one per slot of a very large cluster. */
export const registrationsMax = 16_384;

export interface Registration {
  /** The DEK's id; 0 for a session of a log in clear (only with encryption off). */
  readonly dek: number;
  readonly fullNodeId: FullNodeId;
  readonly epoch: Epoch;
  readonly salt: Uint8Array;
}

/** Low 16 bits of the full node id: the slot in nonces and in the registry. */
export function node16Of(fullNodeId: bigint): NodeId16 {
  return Number(fullNodeId & 0xffffn) as NodeId16;
}

/** First 8 bytes of SHA-256(salt), big-endian. */
export function sessionIdOf(salt: Uint8Array, sha256: (data: Uint8Array) => Buffer): SessionId {
  assert(salt.length === saltBytes);
  return sha256(salt).readBigUInt64BE(0) as SessionId;
}

export function writeRegistration(writer: ByteWriter, registration: Registration): void {
  const { dek, fullNodeId, epoch, salt } = registration;
  assertInteger(dek, { min: 0, max: 0xffff_ffff });
  assertInteger(epoch, { min: 1, max: 0xffff });
  assert(salt.length === saltBytes);
  writer.u32(dek).u64(fullNodeId).u16(epoch).bytes(salt);
}

/** @throws FORMAT_RANGE for epoch 0. */
export function readRegistration(reader: ByteReader): Registration {
  const dek = reader.u32();
  const fullNodeId = reader.u64() as FullNodeId;
  const epoch = reader.u16();
  if (epoch === 0) throw new StrongroomError("FORMAT_RANGE", "epoch 0");
  const salt = Buffer.from(reader.bytes(saltBytes));
  return { dek, fullNodeId, epoch: epoch as Epoch, salt };
}

/** `count u32 | registrations`. */
export function writeRegistrations(writer: ByteWriter, all: readonly Registration[]): void {
  assert(all.length <= registrationsMax);
  writer.u32(all.length);
  for (const registration of all) writeRegistration(writer, registration);
}

/** The count is checked against what is there before anything is allocated. */
export function readRegistrations(reader: ByteReader): Registration[] {
  const count = reader.u32();
  if (count > registrationsMax)
    throw new StrongroomError("FORMAT_RANGE", `${count} registrations in one entry`);
  if (count * registrationBytes > reader.left)
    throw new StrongroomError("FORMAT_TRUNCATED", `${count} registrations announced`);
  const all: Registration[] = [];
  for (let nth = 0; nth < count; nth++) all.push(readRegistration(reader));
  return all;
}
