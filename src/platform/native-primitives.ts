/**
 * The primitives on the native addon: contexts are made once for a key and used again. The hazard
 * is a key that outlives its use: it is zeroed by `dispose`, when its object is collected, and
 * when its thread ends.
 * @module
 */
import { checkTable } from "./bounds.ts";
import type { EncodeMany, NativeAddon } from "./native.ts";
import { checkAeadKey, nodePrimitives } from "./node-primitives.ts";
import { type AeadKey, type MacKey, openRow, type Primitives } from "./primitive-types.ts";

/** Names no key: the addon refuses it. */
const disposed = -1;

/** A key inside the addon. */
class NativeKey {
  protected readonly addon: NativeAddon;
  protected key: number;
  readonly #collected: FinalizationRegistry<number>;

  constructor(addon: NativeAddon, collected: FinalizationRegistry<number>, key: number) {
    this.addon = addon;
    this.#collected = collected;
    this.key = key;
    collected.register(this, key, this);
  }

  dispose(): void {
    if (this.key === disposed) return;
    this.#collected.unregister(this);
    this.addon.dispose(this.key);
    this.key = disposed;
  }
}

class NativeAeadKey extends NativeKey implements AeadKey {
  seal(buffer: Uint8Array, at: number, aadLength: number, textLength: number): void {
    this.addon.seal(this.key, buffer, at, aadLength, textLength);
  }

  sealFrom(
    buffer: Uint8Array,
    at: number,
    aadLength: number,
    textLength: number,
    source: Uint8Array,
    sourceAt: number,
  ): void {
    this.addon.sealFrom(this.key, buffer, at, aadLength, textLength, source, sourceAt);
  }

  sealMany(buffer: Uint8Array, table: Uint32Array, count: number): void {
    this.addon.sealMany(this.key, buffer, table, count);
  }

  open(buffer: Uint8Array, at: number, aadLength: number, textLength: number): boolean {
    return this.addon.open(this.key, buffer, at, aadLength, textLength);
  }

  /** The name of this key in rows of the addon's `openMany`. */
  get name(): number {
    if (this.key === disposed) throw new Error("the key was disposed of");
    return this.key;
  }
}

class NativeMacKey extends NativeKey implements MacKey {
  readonly encodeMany: EncodeMany = (lines, pieces, ids, run, order) =>
    this.addon.encodeMany(this.key, lines, pieces, ids, run, order);

  sign(
    data: Uint8Array,
    at: number,
    length: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void {
    this.addon.sign(this.key, data, at, length, out, outAt, outLength);
  }

  signMany(
    data: Uint8Array,
    table: Uint32Array,
    count: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void {
    this.addon.signMany(this.key, data, table, count, out, outAt, outLength);
  }
}

/** HKDF and SHA-256 are off the hot path: they stay with node:crypto. */
export function nativePrimitives(addon: NativeAddon): Primitives {
  const collected = new FinalizationRegistry<number>((key) => addon.dispose(key));
  return {
    kind: "native",
    aead(key, aadPrefix) {
      checkAeadKey(key, aadPrefix);
      return new NativeAeadKey(addon, collected, addon.aead(key, aadPrefix));
    },
    mac: (key) => new NativeMacKey(addon, collected, addon.mac(key)),
    openMany(keys, buffer, rows, count) {
      checkTable(rows, count, openRow);
      for (let n = 0; n < count; n++) rows[n * openRow] = (keys[n] as NativeAeadKey).name;
      addon.openMany(buffer, rows, count);
    },
    hkdf: nodePrimitives.hkdf,
    sha256: nodePrimitives.sha256,
  };
}
