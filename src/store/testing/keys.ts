/**
 * Storage keys for tests: derived from the key id alone, with an active key that a test may change.
 * @module
 */

import { StrongroomError } from "../../base/errors.ts";
import { loadPrimitives } from "../../platform/primitives.ts";
import type { StorageKeys } from "../store.ts";

export class TestKeys implements StorageKeys {
  keyId: number;
  epoch = 1;
  /** Null: what is active signs. A key: it signs, and nothing is sealed yet. */
  signs: number | null = null;
  /** Keys that were retired: asking for them throws, as the keystore does. */
  readonly retired = new Set<number>();
  /** Every (key id, salt) that a subkey was derived for. */
  readonly derived: string[] = [];

  constructor(keyId = 1) {
    this.keyId = keyId;
  }

  active() {
    return { keyId: this.keyId, node16: 7, epoch: this.epoch };
  }

  signing() {
    return { keyId: this.signs ?? this.keyId, sealed: this.keyId !== 0 };
  }

  private dek(keyId: number): Buffer {
    if (this.retired.has(keyId)) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `key ${keyId}`);
    return Buffer.alloc(32, keyId);
  }

  derive(keyId: number, salt: Uint8Array, node16: number, epoch: number): Buffer {
    this.derived.push(`${keyId}:${Buffer.from(salt).toString("hex")}`);
    const info = Buffer.from(`storage|${keyId}|${node16}|${epoch}`);
    return loadPrimitives("node").hkdf(this.dek(keyId), salt, info, 32);
  }

  macKey(keyId: number, kind: string): Buffer {
    const info = Buffer.from(`mac|${kind}|${keyId}`);
    return loadPrimitives("node").hkdf(this.dek(keyId), Buffer.alloc(32), info, 32);
  }
}
