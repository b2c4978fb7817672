/**
 * Loads the native addon, built from `native/` where a C compiler was found. Absent, unloadable or
 * switched off by STRONGROOM_NATIVE=off it is null, and everything works without it.
 * @module
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Reads and hints through the addon: positions and lengths in bytes. */
export interface NativeIo {
  /** pread(2) into `target[targetAt, +length)`: bytes read, or a negated errno. */
  pread(fd: number, target: Uint8Array, targetAt: number, length: number, position: number): number;
  /** posix_fadvise(2), POSIX_FADV_WILLNEED: 0 or a negated errno. */
  willNeed(fd: number, position: number, length: number): number;
}

/** The addon's exports. Arguments are checked in C: TypeError and RangeError as elsewhere. */
export interface NativeAddon extends NativeIo {
  /** Changes with the functions below; another one is not loaded. */
  readonly version: number;
  aead(key: Uint8Array, aadPrefix: Uint8Array): NativeKey;
  mac(key: Uint8Array): NativeKey;
  /** flock(2), LOCK_EX | LOCK_NB: 0 or a negated errno. */
  flock(fd: number): number;
  /** Address of the first byte modulo 4096. */
  pageOffset(bytes: Uint8Array): number;
}

/** Functions bound to one key, which is zeroed by `dispose` or when they are collected. */
// biome-ignore lint/complexity/noBannedTypes: the shape is narrowed where it is wrapped
export type NativeKey = Readonly<Record<string, Function>>;

const path = fileURLToPath(new URL("../../native/build/strongroom.node", import.meta.url));
const version = 1;

function load(): NativeAddon | null {
  if (process.env.STRONGROOM_NATIVE === "off") return null;
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon;
    return addon.version === version ? addon : null;
  } catch {
    return null;
  }
}

let loaded: NativeAddon | null | undefined;

/** The addon, or null. The first call decides for the life of this thread. */
export function loadNative(): NativeAddon | null {
  loaded ??= load();
  return loaded;
}
