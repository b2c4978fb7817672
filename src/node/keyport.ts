/**
 * The storage keys as the store sees them: which one is active, and subkeys and MAC keys of any
 * that is held. New segments belong to this load's registration, which is durable before them.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { ControlState } from "../control/state.ts";
import type { Keystore } from "../crypto/keystore.ts";
import type { StorageKeys } from "../store/store.ts";

export class StoragePort implements StorageKeys {
  /** Null while the store is being opened: nothing is written then. */
  state: ControlState | null = null;
  private readonly keystore: Keystore;
  private readonly group: number;
  private readonly node16: number;
  /** This load's epoch under each storage key. */
  private readonly epochs = new Map<number, number>();

  constructor(keystore: Keystore, group: number, node16: number) {
    this.keystore = keystore;
    this.group = group;
    this.node16 = node16;
  }

  /** The registration of this load under a key was applied. */
  registered(keyId: number, epoch: number): void {
    this.epochs.set(keyId, epoch);
  }

  active(): { keyId: number; node16: number; epoch: number } {
    const key = this.state?.active("storage") ?? null;
    if (key === null || this.state?.storageCutover === 0)
      return { keyId: 0, node16: this.node16, epoch: 1 };
    const epoch = this.epochs.get(key.id);
    if (epoch === undefined)
      throw new StrongroomError("CRYPTO_KEY_UNKNOWN", "this load is not registered yet");
    return { keyId: key.id, node16: this.node16, epoch };
  }

  /** Manifests are signed from the bootstrap on, before anything is sealed and at a start. */
  signing(): { keyId: number; sealed: boolean } {
    const keyId = this.state?.active("storage")?.id ?? 0;
    return { keyId, sealed: keyId !== 0 && this.state?.storageCutover !== 0 };
  }

  derive(keyId: number, salt: Uint8Array, node16: number, epoch: number): Buffer {
    const { group } = this;
    return this.keystore.derive({ use: "storage", keyId, salt, group, node16, epoch });
  }

  macKey(keyId: number, kind: string): Buffer {
    return this.keystore.macKey(keyId, kind);
  }
}
