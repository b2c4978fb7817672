/**
 * The keys of the server beside this file: RSA as in Key Vault, AES as in a Managed HSM, with
 * their versions, attributes and operations.
 * @module
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  type KeyPairKeyObjectResult,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import type { Answer } from "../../testing/server.ts";
import { signPss, verifyPss } from "./pss.ts";

export type Body = Readonly<Record<string, string | undefined>>;

export interface KeyVersion {
  readonly version: string;
  readonly pair: KeyPairKeyObjectResult;
  readonly secret: Buffer;
  enabled: boolean;
  expired: boolean;
}

export interface Key {
  readonly name: string;
  readonly kty: "RSA" | "EC" | "oct-HSM";
  readonly bits: number;
  operations: string[];
  /** The last is the latest. */
  readonly versions: KeyVersion[];
}

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
const pairs: KeyPairKeyObjectResult[] = [];

/** Making one takes long, so all servers share them: the n-th of each is the same. */
export function pairOf(index: number, bits: number): KeyPairKeyObjectResult {
  if (bits !== 2048) return generateKeyPairSync("rsa", { modulusLength: bits });
  pairs[index] ??= generateKeyPairSync("rsa", { modulusLength: bits });
  return pairs[index];
}

export function refusal(status: number, code: string, message: string, inner?: string): Answer {
  const innererror = inner === undefined ? {} : { innererror: { code: inner } };
  return { status, body: { error: { code, message, ...innererror } } };
}

const bytesOf = (text: string | undefined) => Buffer.from(text ?? "", "base64url");
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
const opening: readonly string[] = ["unwrapKey", "decrypt", "verify"];
const named: Readonly<Record<string, string>> = { wrapkey: "wrapKey", unwrapkey: "unwrapKey" };

/** A key bundle. */
export function describe(key: Key, at: KeyVersion, kid: string): Answer {
  const { n, e } = at.pair.publicKey.export({ format: "jwk" });
  const material = key.kty === "RSA" ? { n, e } : {};
  const attributes = {
    ...{ enabled: at.enabled, created: 1_700_000_000, updated: 1_700_000_000 },
    ...(at.expired ? { exp: 1_700_000_001 } : {}),
  };
  const jwk = { kid, kty: key.kty, key_ops: key.operations, ...material };
  return { status: 200, body: { key: jwk, attributes } };
}

/** @param path - Of the operation, as it stands in the address. */
export function operate(key: Key, at: KeyVersion, path: string, body: Body): Answer {
  const operation = named[path] ?? path;
  const state = at.enabled
    ? at.expired && !opening.includes(operation)
      ? "expired"
      : ""
    : "disabled";
  if (state !== "") {
    const inner = state === "disabled" ? "KeyDisabled" : "KeyExpired";
    const text = `Operation ${operation} is not allowed on a ${state} key.`;
    return refusal(403, "Forbidden", text, inner);
  }
  if (!key.operations.includes(operation))
    return refusal(403, "Forbidden", "not permitted by key_ops", "KeyOperationForbidden");
  const algorithm = { wrapKey: "RSA-OAEP-256", unwrapKey: "RSA-OAEP-256" }[operation];
  const expected = algorithm ?? (/sign|verify/.test(operation) ? "PS256" : "A256GCM");
  if (body.alg !== expected) return refusal(400, "BadParameter", "alg");
  try {
    return { status: 200, body: work(key, at, operation, body) };
  } catch {
    return refusal(400, "BadParameter", "The parameter is incorrect.");
  }
}

function work(key: Key, at: KeyVersion, operation: string, body: Body): Record<string, unknown> {
  const value = bytesOf(body.value);
  const { privateKey, publicKey } = at.pair;
  if (operation === "wrapKey")
    return { value: textOf(publicEncrypt({ key: publicKey, ...oaep }, value)) };
  if (operation === "unwrapKey")
    return { value: textOf(privateDecrypt({ key: privateKey, ...oaep }, value)) };
  if (operation === "sign") return { value: textOf(signPss(privateKey, key.bits / 8, value)) };
  if (operation === "verify") return { value: verifyPss(publicKey, bytesOf(body.digest), value) };
  if (operation === "encrypt") {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", at.secret, iv);
    cipher.setAAD(bytesOf(body.aad));
    const sealed = Buffer.concat([cipher.update(value), cipher.final()]);
    const tag = textOf(cipher.getAuthTag());
    return { value: textOf(sealed), iv: textOf(iv), tag, aad: body.aad };
  }
  const decipher = createDecipheriv("aes-256-gcm", at.secret, bytesOf(body.iv));
  decipher.setAAD(bytesOf(body.aad));
  decipher.setAuthTag(bytesOf(body.tag));
  return { value: textOf(Buffer.concat([decipher.update(value), decipher.final()])) };
}
