/**
 * The Transit engine as its HTTP API documents it, in memory: keys, versions, encrypt and decrypt
 * with associated data and contexts, and the words of its refusals. What a request may do is
 * server.ts's business.
 * @module
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { Answer } from "../../testing/server.ts";

export function refusal(status: number, ...errors: string[]): Answer {
  return { status, body: { errors } };
}

type Body = Readonly<Record<string, unknown>>;
type Cipher = "aes-256-gcm" | "chacha20-poly1305";

interface TransitKey {
  readonly type: string;
  readonly derived: boolean;
  readonly versions: Buffer[];
  minDecryption: number;
  minEncryption: number;
}

const ciphers: Readonly<Record<string, Cipher>> = {
  "aes256-gcm96": "aes-256-gcm",
  "chacha20-poly1305": "chacha20-poly1305",
};
const [nonceBytes, tagBytes] = [12, 16];

/** One mount. */
export class Transit {
  /** As before 1.13: the field is not known and dropped without a word. */
  ignoresAssociatedData = false;
  readonly #keys = new Map<string, TransitKey>();

  handle(method: string, action: string, name: string, verb: string, body: Body): Answer {
    if (action === "keys") return this.#manage(method, name, verb, body);
    if (action === "encrypt") return this.#encrypt(name, body);
    if (action === "decrypt") return this.#decrypt(name, body);
    return refusal(404);
  }

  #manage(method: string, name: string, verb: string, body: Body): Answer {
    const key = this.#keys.get(name);
    if (method === "GET" && verb === "") return key === undefined ? refusal(404) : told(name, key);
    if (method === "DELETE") this.#keys.delete(name);
    else if (verb === "" && key === undefined) this.#make(name, body);
    else if (verb === "rotate") key?.versions.push(randomBytes(32));
    else if (verb === "config" && key !== undefined) {
      key.minDecryption = Number(body.min_decryption_version ?? key.minDecryption);
      key.minEncryption = Number(body.min_encryption_version ?? key.minEncryption);
    }
    return { status: 204, body: null };
  }

  #make(name: string, body: Body): TransitKey {
    const type = String(body.type ?? "aes256-gcm96");
    const derived = body.derived === true;
    const key = { type, derived, versions: [randomBytes(32)], minDecryption: 1, minEncryption: 0 };
    this.#keys.set(name, key);
    return key;
  }

  #encrypt(name: string, body: Body): Answer {
    // As the real one: where the policy lets it, a key that is not there is made.
    const key = this.#keys.get(name) ?? this.#make(name, {});
    const version = Number(body.key_version ?? key.versions.length);
    if (version > key.versions.length || version < key.minEncryption)
      return refusal(400, "requested version for encryption is less than the minimum encryption");
    const place = this.#place(key, version, body);
    if ("status" in place) return place;
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(place.cipher as "aes-256-gcm", place.key, nonce);
    cipher.setAAD(place.aad);
    const text = Buffer.from(String(body.plaintext), "base64");
    const sealed = Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    const ciphertext = `vault:v${version}:${sealed.toString("base64")}`;
    return { status: 200, body: { data: { ciphertext, key_version: version } } };
  }

  #decrypt(name: string, body: Body): Answer {
    const key = this.#keys.get(name);
    const text = String(body.ciphertext ?? "");
    if (text === "") return refusal(400, "missing ciphertext to decrypt");
    if (key === undefined) return refusal(400, "encryption key not found");
    if (!text.startsWith("vault:v")) return refusal(400, "invalid ciphertext: no prefix");
    const [number = "", encoded] = text.slice(7).split(/:(.*)/s);
    if (encoded === undefined) return refusal(400, "invalid ciphertext: wrong number of fields");
    const version = Number(number) || 1;
    if (version > key.versions.length)
      return refusal(400, "invalid ciphertext: version is too new");
    if (version < key.minDecryption)
      return refusal(400, "ciphertext or signature version is disallowed by policy (too old)");
    const place = this.#place(key, version, body);
    if ("status" in place) return place;
    const sealed = Buffer.from(encoded, "base64");
    if (sealed.length < nonceBytes + tagBytes) return refusal(400, "invalid ciphertext length");
    const nonce = sealed.subarray(0, nonceBytes);
    const opening = createDecipheriv(place.cipher as "aes-256-gcm", place.key, nonce);
    opening.setAAD(place.aad).setAuthTag(sealed.subarray(-tagBytes));
    try {
      const opened = opening.update(sealed.subarray(nonceBytes, -tagBytes));
      const plaintext = Buffer.concat([opened, opening.final()]).toString("base64");
      return { status: 200, body: { data: { plaintext } } };
    } catch {
      return refusal(400, "cipher: message authentication failed");
    }
  }

  #place(
    key: TransitKey,
    version: number,
    body: Body,
  ): Answer | { cipher: Cipher; key: Buffer; aad: Buffer } {
    const cipher = ciphers[key.type];
    const given = body.associated_data !== undefined && !this.ignoresAssociatedData;
    if (cipher === undefined)
      return refusal(400, `'[0].associated_data' provided for non-AEAD cipher suite ${key.type}`);
    const aad = given ? Buffer.from(String(body.associated_data), "base64") : Buffer.alloc(0);
    const raw = key.versions[version - 1] as Buffer;
    if (!key.derived) return { cipher, key: raw, aad };
    if (body.context === undefined)
      return refusal(
        400,
        "missing 'context' for key derivation; the key was created using a derived key",
      );
    const context = Buffer.from(String(body.context), "base64");
    return { cipher, key: Buffer.from(hkdfSync("sha256", raw, "", context, 32)), aad };
  }
}

function told(name: string, key: TransitKey): Answer {
  const versions = key.versions.map((_, at) => [String(at + 1), 1_700_000_000 + at] as const);
  const data = {
    name,
    type: key.type,
    derived: key.derived,
    exportable: false,
    deletion_allowed: false,
    latest_version: key.versions.length,
    min_decryption_version: key.minDecryption,
    min_encryption_version: key.minEncryption,
    supports_encryption: key.type in ciphers,
    supports_decryption: key.type in ciphers,
    keys: Object.fromEntries(versions),
  };
  return { status: 200, body: { data } };
}
