/**
 * RSASSA-PSS with SHA-256 over a digest, as `sign` and `verify` of Key Vault take it; Node's own
 * takes messages alone. RFC 8017, sections 9.1.1, 9.1.2 and B.2.1; salt of 32 bytes.
 * @module
 */
import {
  constants,
  createHash,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  randomBytes,
} from "node:crypto";

const hashBytes = 32;
const padding = constants.RSA_NO_PADDING;

function hash(...parts: readonly Uint8Array[]): Buffer {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part);
  return sum.digest();
}

/** Masks, or unmasks, in place. */
function mask(bytes: Buffer, seed: Uint8Array): void {
  for (let block = 0; block * hashBytes < bytes.length; block++) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(block);
    for (const [at, byte] of hash(seed, counter).entries())
      if (block * hashBytes + at < bytes.length) bytes[block * hashBytes + at]! ^= byte;
  }
  bytes[0]! &= 0x7f;
}

/** @param bytes - Of the modulus, whose bits must be eight times as many. */
export function signPss(key: KeyObject, bytes: number, digest: Uint8Array): Buffer {
  const salt = randomBytes(hashBytes);
  const proof = hash(Buffer.alloc(8), digest, salt);
  const block = Buffer.alloc(bytes - hashBytes - 1);
  block[block.length - hashBytes - 1] = 1;
  salt.copy(block, block.length - hashBytes);
  mask(block, proof);
  return privateEncrypt({ key, padding }, Buffer.concat([block, proof, Buffer.of(0xbc)]));
}

export function verifyPss(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  let encoded: Buffer;
  try {
    encoded = publicDecrypt({ key, padding }, signature);
  } catch {
    return false;
  }
  const block = encoded.subarray(0, -hashBytes - 1);
  const proof = encoded.subarray(-hashBytes - 1, -1);
  mask(block, proof);
  const start = block.length - hashBytes;
  const salt = block.subarray(start);
  const zeros = block.subarray(0, start - 1).every((byte) => byte === 0);
  const whole = zeros && block[start - 1] === 1 && encoded.at(-1) === 0xbc;
  return whole && hash(Buffer.alloc(8), digest, salt).equals(proof);
}
