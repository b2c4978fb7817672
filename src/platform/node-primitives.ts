/**
 * The primitives on `node:crypto`: works everywhere, no compiler needed, slower (a context is made
 * for every call). KeyObjects keep the keys outside the JavaScript heap; OpenSSL zeroes them when
 * they are collected.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { checkBytes, checkLayout, checkRange, checkTable } from "./bounds.ts";
import {
  type AeadKey,
  aadPrefixBytesMax,
  hashBytes,
  keyBytes,
  type MacKey,
  nonceBytes,
  openRow,
  type Primitives,
  tagBytes,
} from "./primitive-types.ts";

const options = { authTagLength: tagBytes };

class NodeAeadKey implements AeadKey {
  #key: KeyObject | null;
  readonly #prefix: Buffer;

  constructor(key: Uint8Array, aadPrefix: Uint8Array) {
    this.#key = createSecretKey(key);
    this.#prefix = Buffer.from(aadPrefix);
  }

  #live(): KeyObject {
    if (this.#key === null) throw new Error("the key was disposed of");
    return this.#key;
  }

  get disposed(): boolean {
    return this.#key === null;
  }

  seal(buffer: Uint8Array, at: number, aadLength: number, textLength: number): void {
    const key = this.#live();
    checkLayout(buffer, at, aadLength, textLength);
    const nonceAt = at + aadLength;
    const textAt = nonceAt + nonceBytes;
    const end = textAt + textLength;
    const cipher = createCipheriv("aes-256-gcm", key, buffer.subarray(nonceAt, textAt), options);
    cipher.setAAD(this.#prefix);
    cipher.setAAD(buffer.subarray(at, nonceAt));
    const sealed = cipher.update(buffer.subarray(textAt, end));
    cipher.final();
    buffer.set(sealed, textAt);
    buffer.set(cipher.getAuthTag(), end);
  }

  sealFrom(
    buffer: Uint8Array,
    at: number,
    aadLength: number,
    textLength: number,
    source: Uint8Array,
    sourceAt: number,
  ): void {
    this.#live();
    checkLayout(buffer, at, aadLength, textLength);
    checkRange(source, sourceAt, textLength);
    buffer.set(source.subarray(sourceAt, sourceAt + textLength), at + aadLength + nonceBytes);
    this.seal(buffer, at, aadLength, textLength);
  }

  sealMany(buffer: Uint8Array, table: Uint32Array, count: number): void {
    checkTable(table, count, 3);
    for (let row = 0; row < count * 3; row += 3)
      checkLayout(buffer, table[row]!, table[row + 1]!, table[row + 2]!);
    for (let row = 0; row < count * 3; row += 3)
      this.seal(buffer, table[row]!, table[row + 1]!, table[row + 2]!);
  }

  open(buffer: Uint8Array, at: number, aadLength: number, textLength: number): boolean {
    const key = this.#live();
    checkLayout(buffer, at, aadLength, textLength);
    const nonceAt = at + aadLength;
    const textAt = nonceAt + nonceBytes;
    const end = textAt + textLength;
    const nonce = buffer.subarray(nonceAt, textAt);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, options);
    decipher.setAAD(this.#prefix);
    decipher.setAAD(buffer.subarray(at, nonceAt));
    decipher.setAuthTag(buffer.subarray(end, end + tagBytes));
    const opened = decipher.update(buffer.subarray(textAt, end));
    try {
      decipher.final();
    } catch {
      opened.fill(0);
      buffer.fill(0, textAt, end);
      return false;
    }
    buffer.set(opened, textAt);
    opened.fill(0);
    return true;
  }

  dispose(): void {
    this.#key = null;
  }
}

function checkOpening(key: AeadKey, buffer: Uint8Array, rows: Uint32Array, at: number): void {
  if ((key as NodeAeadKey).disposed) throw new Error("the key was disposed of");
  checkLayout(buffer, rows[at + 1]!, rows[at + 2]!, rows[at + 3]!);
}

class NodeMacKey implements MacKey {
  readonly encodeMany = null;
  #key: KeyObject | null;

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  sign(
    data: Uint8Array,
    at: number,
    length: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void {
    if (this.#key === null) throw new Error("the key was disposed of");
    checkRange(data, at, length);
    checkRange(out, outAt, outLength);
    checkMacLength(outLength);
    const mac = createHmac("sha256", this.#key)
      .update(data.subarray(at, at + length))
      .digest();
    out.set(outLength === hashBytes ? mac : mac.subarray(0, outLength), outAt);
  }

  signMany(
    data: Uint8Array,
    table: Uint32Array,
    count: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void {
    checkTable(table, count, 2);
    checkMacLength(outLength);
    checkRange(out, outAt, outLength * count);
    for (let row = 0; row < count * 2; row += 2) checkRange(data, table[row]!, table[row + 1]!);
    for (let i = 0; i < count; i++)
      this.sign(data, table[i * 2]!, table[i * 2 + 1]!, out, outAt + i * outLength, outLength);
  }

  dispose(): void {
    this.#key = null;
  }
}

function checkMacLength(length: number): void {
  if (length < 1 || length > hashBytes) throw new RangeError("a MAC has 1..32 bytes");
}

/** @throws RangeError unless key and prefix have a legal size; TypeError for another kind. */
export function checkAeadKey(key: Uint8Array, aadPrefix: Uint8Array): void {
  checkBytes(key);
  checkBytes(aadPrefix);
  if (key.length !== keyBytes) throw new RangeError("an AES-256 key has 32 bytes");
  if (aadPrefix.length > aadPrefixBytesMax) throw new RangeError("AAD prefix above 256 bytes");
}

/** HKDF-SHA-256 and SHA-256 are off the hot path: both implementations use these. */
export const nodePrimitives: Primitives = {
  kind: "node",
  aead(key, aadPrefix) {
    checkAeadKey(key, aadPrefix);
    return new NodeAeadKey(key, aadPrefix);
  },
  mac(key) {
    checkBytes(key);
    return new NodeMacKey(key);
  },
  openMany(keys, buffer, rows, count) {
    checkTable(rows, count, openRow);
    for (let n = 0; n < count; n++) checkOpening(keys[n]!, buffer, rows, n * openRow);
    for (let n = 0; n < count; n++) {
      const at = n * openRow;
      const opened = keys[n]!.open(buffer, rows[at + 1]!, rows[at + 2]!, rows[at + 3]!);
      rows[at + 4] = opened ? 1 : 0;
    }
  },
  hkdf(ikm, salt, info, length) {
    return Buffer.from(hkdfSync("sha256", ikm, salt, info, length));
  },
  sha256(data) {
    return createHash("sha256").update(data).digest();
  },
};
