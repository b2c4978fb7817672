/**
 * The log side of this node's keys: seals its entries in its current session, and opens anybody's.
 * Session and number of an entry are authenticated with it. Subkeys are derived once a session.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import type { ControlState, Load } from "../control/state.ts";
import type { Keystore } from "../crypto/keystore.ts";
import { type EntryHeader, entryHeaderBytes, writeEntryHeader } from "../entry/logentry.ts";
import type { ReplicatedLog } from "../log/log.ts";
import type { Primitives } from "../platform/primitives.ts";
import { entryTextAt, LogOpener, LogSealer, sealedEntryOverhead } from "../sealed/log.ts";
import { logPrefix, type SealedPlace } from "../sealed/place.ts";
import type { PendingBatch } from "./batch.ts";
import type { EntryOpener } from "./group.ts";
import type { EntrySealer } from "./proposer.ts";

/** Openers kept: the sessions that a log holds entries of. */
const openersMax = 64;

export class LogSession implements EntrySealer, EntryOpener {
  /** The session that entries are proposed in; 0 before the first. */
  session = 0n;
  /** Entries sealed and opened. */
  seals = 0;
  opens = 0;
  /** The log key that entries are sealed under; 0 while the log is in clear. */
  keyId = 0;
  /** Entries sealed under the current subkey, and bytes under the current key since the start. */
  sealed = 0;
  sealedBytes = 0;
  private sealer: LogSealer | null = null;
  private readonly openers = new Map<bigint, LogOpener>();
  private readonly state: ControlState;
  private readonly keystore: Keystore;
  private readonly primitives: Primitives;
  private readonly place: SealedPlace;

  constructor(state: ControlState, keystore: Keystore, primitives: Primitives, place: SealedPlace) {
    this.state = state;
    this.keystore = keystore;
    this.primitives = primitives;
    this.place = place;
  }

  /** Goes on in an accepted session of this node. */
  enter(session: bigint): void {
    const load = this.load(session);
    this.sealer?.dispose();
    this.sealer = null;
    this.session = session;
    this.sealed = 0;
    if (load.dek !== this.keyId) this.sealedBytes = 0;
    this.keyId = load.dek;
    if (load.dek === 0) return;
    const { dek, node16, epoch } = load;
    const subkey = this.subkey(load);
    const identity = { keyId: dek, node16, epoch };
    this.sealer = new LogSealer(this.primitives, subkey, logPrefix(this.place), identity);
    subkey.fill(0);
  }

  private load(session: bigint): Load {
    const load = this.state.sessions.get(session);
    if (load === undefined) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", "an unknown session");
    return load;
  }

  private subkey(load: Load): Buffer {
    const { dek, node16, epoch, salt } = load;
    const { group } = this.place;
    return this.keystore.derive({ use: "log", keyId: dek, salt, group, node16, epoch });
  }

  lastApplied(): number {
    return this.state.sessions.get(this.session)?.lastSeq ?? 0;
  }

  seal(batch: PendingBatch, log: ReplicatedLog): Buffer {
    const payload = batch.payload();
    const sealed = batch.control === null && this.keyId !== 0 && this.state.logCutover !== 0;
    batch.keyId = sealed ? this.keyId : 0;
    const bytes = payload.length + (sealed ? sealedEntryOverhead : entryHeaderBytes);
    const entry = log.allocate?.(bytes) ?? Buffer.allocUnsafe(bytes);
    writeEntryHeader(entry, 0, batch);
    if (!sealed) payload.copy(entry, entryHeaderBytes);
    else {
      assert(this.sealer !== null);
      this.sealer.seal(entry, 0, payload);
      this.sealed++;
      this.sealedBytes += bytes;
      this.seals++;
    }
    return entry;
  }

  open(header: EntryHeader, entry: Buffer): { at: number; end: number } {
    let opener = this.openers.get(header.session);
    if (opener === undefined) {
      const load = this.load(header.session);
      const subkey = this.subkey(load);
      opener = new LogOpener(this.primitives, subkey, logPrefix(this.place), load.dek);
      subkey.fill(0);
      if (this.openers.size >= openersMax) this.dropOpeners();
      this.openers.set(header.session, opener);
    }
    const length = opener.open(entry, 0, entry.length);
    this.opens++;
    return { at: entryTextAt, end: entryTextAt + length };
  }

  dropOpeners(): void {
    for (const opener of this.openers.values()) opener.dispose();
    this.openers.clear();
  }

  dispose(): void {
    this.dropOpeners();
    this.sealer?.dispose();
    this.sealer = null;
  }
}
