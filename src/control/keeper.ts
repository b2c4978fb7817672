/**
 * Keeps the sidecar on disk. Written as a whole (`.tmp`, fsync, rename, directory fsync), so that a
 * crash leaves the old or the new file. Order: an epoch is durable here before the registration
 * that uses it is proposed; a change of the keyring is durable here before the store may say that
 * its entry was applied. So the file is never behind the store, and may be ahead of it by what the
 * log still holds. Nothing of it holds up the event loop.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import { isDiskFull } from "../files/batchfile.ts";
import type { ReadSidecar, SidecarDocument } from "./document.ts";
import type { MacSource } from "./macs.ts";
import { decodeSidecar, documentOf, encodeSidecar, verifySidecar } from "./sidecar.ts";
import { needOlder, sameDocument } from "./sidecar-compare.ts";
import { sidecarBytesMax } from "./sidecar-parse.ts";
import type { ControlState } from "./state.ts";

export const sidecarFolder = "encryption";
const sidecarFile = "encryption/keys.json";

/** Null if there is no file. @throws SIDECAR_UNREADABLE, SIDECAR_TAMPERED, FORMAT_VERSION. */
export function readSidecar(disk: Disk, dataDir: string): ReadSidecar | null {
  const path = `${dataDir}/${sidecarFile}`;
  const status = disk.status(path);
  if (status === null) return null;
  if (status.kind !== "file") throw new StrongroomError("SIDECAR_UNREADABLE", "not a regular file");
  if (status.bytes > sidecarBytesMax)
    throw new StrongroomError("SIDECAR_UNREADABLE", `${status.bytes} bytes`);
  return decodeSidecar(disk.readFile(path));
}

export class SidecarKeeper {
  private readonly disk: Disk;
  private readonly dataDir: string;
  private readonly macs: MacSource;
  private kept: SidecarDocument | null;
  /** Epochs under keys that the next document is the first to name. */
  private readonly planned = new Map<number, number>();
  private turn: Promise<unknown> = Promise.resolve();

  /** @param found - The verified document on disk, null if there is none. */
  constructor(disk: Disk, dataDir: string, macs: MacSource, found: SidecarDocument | null) {
    this.disk = disk;
    this.dataDir = dataDir;
    this.macs = macs;
    this.kept = found;
  }

  /** What is on disk. */
  get document(): SidecarDocument {
    assert(this.kept !== null, "no sidecar yet");
    return this.kept;
  }

  get exists(): boolean {
    return this.kept !== null;
  }

  /** This node's epoch under a key (0: the log in clear), 0 if it has none. */
  epochOf(keyId: number): number {
    if (keyId === 0) return this.kept?.clear?.localEpoch ?? 0;
    return this.kept?.keys.get(keyId)?.localEpoch ?? this.planned.get(keyId) ?? 0;
  }

  /**
   * Loads that an entry registers together with the keys that it adds: the document that names the
   * keys first names these epochs with them, before the entry counts as applied.
   */
  plan(epochs: ReadonlyMap<number, number>): void {
    for (const [keyId, epoch] of epochs) this.planned.set(keyId, epoch);
  }

  /** One document after the other: each begins with what the one before made durable. */
  private inTurn(write: () => Promise<void>): Promise<void> {
    const written = this.turn.then(write);
    this.turn = written.catch(() => {});
    return written;
  }

  /** Writes a document; durable once it resolves. Its storage DEK must be in the keystore. */
  write(document: SidecarDocument): Promise<void> {
    return this.inTurn(() => this.put(document));
  }

  private async put(document: SidecarDocument): Promise<void> {
    const bytes = encodeSidecar(document, this.macs);
    const folder = `${this.dataDir}/${sidecarFolder}`;
    if (this.disk.status(folder) === null) {
      this.disk.makeDirectory(folder);
      this.disk.syncDirectory(this.dataDir);
    }
    await this.disk.replaceFileAsync(`${this.dataDir}/${sidecarFile}`, bytes);
    this.kept = document;
  }

  /**
   * What is on disk by now, verified; null if the file is gone.
   * @throws SIDECAR_UNREADABLE, SIDECAR_TAMPERED, FORMAT_VERSION, CRYPTO_KEY_UNKNOWN.
   */
  reread(): SidecarDocument | null {
    const found = readSidecar(this.disk, this.dataDir);
    return found === null ? null : verifySidecar(found, this.macs);
  }

  /**
   * Makes epochs durable before they are used. Never lowers one.
   * @throws SIDECAR_DISK_FULL: nothing has changed, and it may be tried again.
   */
  raiseEpochs(epochs: ReadonlyMap<number, number>): Promise<void> {
    return this.inTurn(() => this.raise(epochs));
  }

  private async raise(epochs: ReadonlyMap<number, number>): Promise<void> {
    const { document } = this;
    const keys = new Map(document.keys);
    let { clear } = document;
    for (const [keyId, epoch] of epochs) {
      assert(epoch > this.epochOf(keyId), "an epoch is used once");
      if (keyId === 0 && clear !== null) clear = { ...clear, localEpoch: epoch };
      const key = keys.get(keyId);
      assert(keyId === 0 ? clear !== null : key !== undefined, "an epoch under an unknown key");
      if (key !== undefined) keys.set(keyId, { ...key, localEpoch: epoch });
    }
    try {
      await this.put({ ...document, keys, clear });
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      throw new StrongroomError("SIDECAR_DISK_FULL", "", { cause });
    }
  }

  /**
   * Brings the file up to the state, after an entry whose effects say so or at a rebuild. While the
   * log is replayed the file may be ahead of the state; then it is left alone.
   * @throws SIDECAR_CONFLICT if the file belongs to another history: it is left as it is.
   */
  follow(state: ControlState, nodeId: string): Promise<void> {
    return this.inTurn(() => this.catchUp(state, nodeId));
  }

  private async catchUp(state: ControlState, nodeId: string): Promise<void> {
    if (this.kept !== null && this.kept.appliedIndex > state.keyringIndex) return;
    const clearRaw = this.kept?.clear?.raw ?? null;
    const document = documentOf(state, nodeId, (id) => this.epochOf(id), clearRaw);
    if (document === null) return;
    if (this.kept !== null) {
      if (sameDocument(this.kept, document)) return;
      if (this.kept.appliedIndex === state.keyringIndex)
        throw new StrongroomError("SIDECAR_CONFLICT");
      needOlder(this.kept, state);
    }
    await this.put(document);
    // Encryption has been switched on: the index key stands wrapped in the file now.
    if (document.clear === null) clearRaw?.fill(0);
  }

  /** True if the file's wraps of this key are the state's: a DEK opened from either is the same. */
  holds(state: ControlState, keyId: number): boolean {
    const mine = this.kept?.keys.get(keyId);
    const theirs = state.keys.get(keyId);
    if (mine === undefined || theirs === undefined || mine.wraps.length === 0) return false;
    return (
      mine.purpose === theirs.purpose &&
      mine.wraps.some((wrap) =>
        theirs.wraps.some(
          (other) => other.kekId === wrap.kekId && Buffer.compare(wrap.bytes, other.bytes) === 0,
        ),
      )
    );
  }
}
