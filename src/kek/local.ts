// Permanent format of a wrap by a local KEK, 60 bytes:
//
//   offset  size  field
//        0    12  nonce       random: a KEK wraps a handful of DEKs in its life, far from the 2^32
//                             of NIST SP 800-38D, section 8.3
//       12    32  ciphertext  the DEK
//       44    16  tag         AES-256-GCM; authenticated beside it: the binding
/**
 * A KEK whose 32 bytes this process holds, from a file or from the environment. Its identity is
 * derived from the key, so the same key is recognised wherever it comes from.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";
import { nonceBytes, type Primitives, tagBytes } from "../platform/primitives.ts";
import { dekBytes, type KekProvider } from "./provider.ts";

export const kekBytes = 32;
const wrapBytes = nonceBytes + dekBytes + tagBytes;
/** 64 bits of HMAC-SHA-256(KEK, "kek id"): enough to tell a few keys apart. */
const idBytes = 8;

export class LocalKek implements KekProvider {
  readonly id: string;
  readonly provider: string;
  readonly #primitives: Primitives;
  readonly #random: Random;
  readonly #key: Buffer;
  #open = true;

  /**
   * @param key - 32 bytes; copied, the caller zeroes its own.
   * @param provider - Where it came from: `file` or `env`.
   */
  constructor(key: Uint8Array, primitives: Primitives, random: Random, provider = "local") {
    assert(key.length === kekBytes, "a KEK has 32 bytes");
    this.provider = provider;
    this.#primitives = primitives;
    this.#random = random;
    this.#key = Buffer.allocUnsafeSlow(kekBytes);
    this.#key.set(key);
    const id = Buffer.alloc(idBytes);
    const mac = primitives.mac(key);
    mac.sign(Buffer.from("kek id"), 0, 6, id, 0, idBytes);
    mac.dispose();
    this.id = `local:${id.toString("hex")}`;
  }

  async wrap(dek: Uint8Array, binding: Uint8Array): Promise<Buffer> {
    assert(this.#open, "use of a closed KEK");
    assert(dek.length === dekBytes, "a DEK has 32 bytes");
    const wrapped = Buffer.allocUnsafeSlow(wrapBytes);
    this.#random.bytes(nonceBytes).copy(wrapped);
    wrapped.set(dek, nonceBytes);
    const aead = this.#primitives.aead(this.#key, binding);
    aead.seal(wrapped, 0, 0, dekBytes);
    aead.dispose();
    return wrapped;
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array): Promise<Buffer> {
    assert(this.#open, "use of a closed KEK");
    if (wrapped.length !== wrapBytes)
      throw new StrongroomError("KEK_WRONG", `a wrap of ${wrapped.length} bytes, not ${wrapBytes}`);
    const buffer = Buffer.allocUnsafeSlow(wrapBytes);
    buffer.set(wrapped);
    const aead = this.#primitives.aead(this.#key, binding);
    const opened = aead.open(buffer, 0, 0, dekBytes);
    aead.dispose();
    if (!opened) throw new StrongroomError("KEK_WRONG", `KEK ${this.id} does not open the wrap`);
    const dek = Buffer.allocUnsafeSlow(dekBytes);
    buffer.copy(dek, 0, nonceBytes, nonceBytes + dekBytes);
    buffer.fill(0);
    return dek;
  }

  close(): void {
    this.#open = false;
    this.#key.fill(0);
  }
}
