/**
 * What the sidecar says, as values. docs/formats/sidecar.md.
 * @module
 */
import type { KeyId } from "../base/brand.ts";
import type { Purpose, Wrap } from "../entry/wraps.ts";
import type { KeyState } from "./state.ts";

export interface SidecarKey {
  readonly purpose: Purpose;
  readonly wraps: readonly Wrap[];
  /**
   * Index of the entry that added the key, 0 while the bootstrap is pending. Of the index key, 1 or
   * less says that nothing was ever in clear.
   */
  readonly created: number;
  /** Loads of this node under the key, the one being planned included. Durable before use. */
  readonly localEpoch: number;
  readonly state: KeyState;
}

export interface SidecarDocument {
  readonly nodeId: string;
  readonly cluster: Buffer;
  /** The last entry that changed the keyring here; 0 while the bootstrap is pending. */
  readonly appliedIndex: number;
  readonly storageCutover: number;
  readonly logCutover: number;
  readonly keys: ReadonlyMap<number, SidecarKey>;
  /** With encryption off: the index key and this node's loads of a log in clear. */
  readonly clear: {
    readonly keyId: KeyId;
    readonly raw: Buffer;
    readonly localEpoch: number;
  } | null;
}

export interface SidecarMac {
  readonly keyId: KeyId;
  /** 64 hex digits. */
  readonly hmac: string;
}

export interface ReadSidecar {
  readonly document: SidecarDocument;
  /** Null with encryption off. Not verified yet: its key is among the wrapped ones. */
  readonly mac: SidecarMac | null;
}

/** True if nothing here was ever in clear: the first entry adds the keys, or is about to. */
export function bornEncrypted(document: SidecarDocument): boolean {
  const { keys, clear } = document;
  return (
    clear === null &&
    [...keys.values()].every(({ purpose, created }) => purpose !== "index" || created <= 1)
  );
}

/** Id of the active key of a purpose, 0 if there is none. */
export function activeKey(document: SidecarDocument, purpose: Purpose): number {
  for (const [id, key] of document.keys)
    if (key.purpose === purpose && key.state === "active") return id;
  return 0;
}
