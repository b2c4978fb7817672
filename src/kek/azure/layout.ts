/**
 * Layout of wraps by keys in Azure, and what an RSA key signs of them. The key version that made a
 * wrap stands in it, so that rotation locks nothing out. Hazards: RSA-OAEP authenticates nothing,
 * so anyone with the public key could wrap a DEK of his own; and a signature that could be lifted
 * to another place, version or protocol. docs/formats/kek-services.md.
 * @module
 */
import { createHash } from "node:crypto";
import { assert } from "../../base/assert.ts";
import { StrongroomError } from "../../base/errors.ts";

const aesForm = 1;
const rsaForm = 2;
const versionBytes = 16;
const headBytes = 1 + versionBytes;
const ivBytes = 12;
const dekBytes = 32;
const tagBytes = 16;
/** RSA of 2048 bits; Azure has up to 4096. */
export const modulusBytesMin = 256;
const modulusBytesMax = 512;
const domain = "strongroom azure rsa wrap 1\0";

export interface AesWrap {
  readonly kind: "aes";
  /** 32 hex digits, as the service names it. */
  readonly version: string;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

export interface RsaWrap {
  readonly kind: "rsa";
  readonly version: string;
  /** RSA-OAEP with SHA-256 of the DEK; as long as the modulus. */
  readonly ciphertext: Uint8Array;
  /** PS256, as long as the modulus. */
  readonly signature: Uint8Array;
}

/** @throws KEK_REFUSED if the service gave something of another shape. */
export function encodeWrap(wrap: AesWrap | RsaWrap): Buffer {
  if (!/^[0-9a-f]{32}$/.test(wrap.version)) refuse("a key version");
  const version = Buffer.from(wrap.version, "hex");
  if (wrap.kind === "aes") {
    const { iv, ciphertext, tag } = wrap;
    if (iv.length !== ivBytes || ciphertext.length !== dekBytes || tag.length !== tagBytes)
      refuse("IV, ciphertext or tag");
    return Buffer.concat([Buffer.of(aesForm), version, iv, ciphertext, tag]);
  }
  const { ciphertext, signature } = wrap;
  if (!isModulus(ciphertext.length) || signature.length !== ciphertext.length)
    refuse("ciphertext or signature");
  return Buffer.concat([Buffer.of(rsaForm), version, ciphertext, signature]);
}

function refuse(what: string): never {
  throw new StrongroomError("KEK_REFUSED", `${what} of another shape`);
}

function isModulus(length: number): boolean {
  return length >= modulusBytesMin && length <= modulusBytesMax;
}

/** @throws KEK_WRONG. */
export function decodeWrap(bytes: Uint8Array): AesWrap | RsaWrap {
  const wrap = Buffer.from(bytes);
  const form = wrap[0];
  const version = wrap.toString("hex", 1, headBytes);
  const body = wrap.subarray(headBytes);
  if (form === aesForm && body.length === ivBytes + dekBytes + tagBytes)
    return {
      ...{ kind: "aes", version, iv: body.subarray(0, ivBytes) },
      ciphertext: body.subarray(ivBytes, ivBytes + dekBytes),
      tag: body.subarray(-tagBytes),
    };
  const modulus = body.length / 2;
  if (form === rsaForm && Number.isInteger(modulus) && isModulus(modulus))
    return {
      ...{ kind: "rsa", version },
      ciphertext: body.subarray(0, modulus),
      signature: body.subarray(modulus),
    };
  throw new StrongroomError("KEK_WRONG", "no wrap by a key in Azure");
}

/** SHA-256 of `domain | form u8 | version 16 | binding bytes u8 | binding | ciphertext`. */
export function signedDigest(
  version: string,
  binding: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  assert(binding.length <= 255, "a binding longer than its length can say");
  return createHash("sha256")
    .update(domain)
    .update(Buffer.of(rsaForm))
    .update(Buffer.from(version, "hex"))
    .update(Buffer.of(binding.length))
    .update(binding)
    .update(ciphertext)
    .digest();
}
