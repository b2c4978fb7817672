/**
 * Performs what control decides: an entry's effects are durable before the entry counts as applied,
 * for who proposed it and for the store. Order: new DEKs are unwrapped into the keystore, then the
 * sidecar is written, then what was retired is forgotten; commands behind the entry wait for the
 * first of these alone (docs/decisions/0053). A KEK service that is merely out of reach, or a full
 * disk, is waited for; everything else that goes wrong halts.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Scheduler } from "../base/ports.ts";
import { applyControl, readSkip, type VerifyMac } from "../control/apply.ts";
import { handOver, type Kek, unwrapDek } from "../control/deks.ts";
import type { SidecarKeeper } from "../control/keeper.ts";
import type { ControlResult } from "../control/outcome.ts";
import type { ControlState, KeyRow } from "../control/state.ts";
import type { Keystore } from "../crypto/keystore.ts";
import { type ControlOpcode, controlOpcodes } from "../entry/control.ts";
import type { EntryHeader } from "../entry/logentry.ts";
import { sameWraps, type Wrap } from "../entry/wraps.ts";
import { isDiskFull } from "../files/batchfile.ts";
import type { ControlApplier } from "../machine/ports.ts";

const waitMsMin = 200;
const waitMsMax = 10_000;

/** What is told while something waits for room on the disk. */
const fullCodes = {
  sidecar: "SIDECAR_DISK_FULL",
  storage: "STORE_DISK_FULL",
  log: "LOG_DISK_FULL",
} as const;

/** Says something to the operator. Never holds keys or user data. */
export type Alarm = (event: string, detail: string) => void;

export interface ControlHostDeps {
  readonly state: ControlState;
  readonly keystore: Keystore;
  readonly keeper: SidecarKeeper;
  readonly keks: readonly Kek[];
  readonly verify: VerifyMac;
  readonly scheduler: Scheduler;
  readonly nodeId: string;
  readonly alarm: Alarm;
  /** True once the node is asked to stop, also while it is only starting. */
  readonly stopping: () => boolean;
  /** True for the salt of a load that this process has planned. */
  readonly ownsSalt: (salt: Uint8Array) => boolean;
  /** True for the session that this process proposes in. */
  readonly ownsSession: (session: bigint) => boolean;
  /** What an envelope that is on asks of store or log, before the sidecar says that it is. */
  readonly cutover: (of: "storage" | "log") => Promise<void>;
}

export class ControlHost implements ControlApplier {
  /** True from the application of a control entry until its effects are durable. */
  unsettled = false;
  /** True while that waits for room on the disk or for a KEK. */
  waiting = false;
  private readonly deps: ControlHostDeps;
  private result: ControlResult | null = null;
  private stopped = false;
  private readonly prepared = new Map<number, { wraps: readonly Wrap[]; raw: Buffer }>();

  constructor(deps: ControlHostDeps) {
    this.deps = deps;
  }

  applyControl(index: number, header: EntryHeader, code: number, body: Buffer): void {
    const { state, verify } = this.deps;
    const opcode = code as ControlOpcode;
    const result = applyControl(state, { index, header, opcode, body }, verify);
    const { outcome } = result;
    if (outcome.kind === "halt") throw new StrongroomError(outcome.code, outcome.detail);
    this.result = result;
    this.unsettled = true;
  }

  /** What an authentic skip entry, read ahead of its turn, lets this node pass. */
  skipIn(index: number, header: EntryHeader, body: Buffer) {
    const { state, verify } = this.deps;
    return readSkip(state, { index, header, opcode: controlOpcodes.keyChange, body }, verify);
  }

  /** An entry was passed: what was begun of it does not count. */
  passed(index: number): void {
    this.result = null;
    this.unsettled = false;
    this.deps.alarm("entry-skipped", `entry ${index}`);
  }

  /** Why the last entry did not do what its proposer wanted; null if it did, now or before. */
  refusal(): StrongroomError | null {
    const outcome = this.result?.outcome;
    if (outcome?.kind === "refused") return new StrongroomError(outcome.code, outcome.detail);
    if (outcome?.kind !== "noop") return null;
    if (!outcome.alarm) return null;
    return new StrongroomError("NODE_ENTRY_REFUSED", outcome.reason);
  }

  /** True if the last entry changed what it says; false if that had been done before. */
  get accepted(): boolean {
    return this.result?.outcome.kind === "accepted";
  }

  /** Index of the entry that had done before what the last one says; 0: not known, or none had. */
  get before(): number {
    const outcome = this.result?.outcome;
    return outcome?.kind === "noop" ? outcome.first : 0;
  }

  /**
   * The DEK that a proposal of this node is about to add, so that applying it asks no KEK. Taken
   * only if the entry's wraps are these. A new one under the same id zeroes the one before.
   * @param raw - The host's from now on, until `dropPrepared`.
   */
  prepare(keyId: number, wraps: readonly Wrap[], raw: Buffer): void {
    this.prepared.get(keyId)?.raw.fill(0);
    this.prepared.set(keyId, { wraps, raw });
  }

  /** Zeroes what no entry has taken: a change of keys is over, and there is one at a time. */
  dropPrepared(): void {
    for (const { raw } of this.prepared.values()) raw.fill(0);
    this.prepared.clear();
  }

  /** True if the keystore holds the key as the state names it, without asking a KEK. */
  private takePrepared(row: KeyRow): boolean {
    const prepared = this.prepared.get(row.id);
    if (prepared === undefined) return false;
    this.prepared.delete(row.id);
    const same = sameWraps(prepared.wraps, row.wraps);
    if (same) this.deps.keystore.add(row.id, row.purpose, prepared.raw);
    prepared.raw.fill(0);
    return same;
  }

  /** Completes the effects of the last entry. */
  async settle(): Promise<void> {
    await this.settleWhatOthersNeed();
    await this.record();
  }

  /**
   * The effects that entries behind this one may depend on: they wait for these. What is left is
   * `record`'s.
   */
  async settleWhatOthersNeed(): Promise<void> {
    const { result, deps } = this;
    if (result === null) return;
    const { outcome, effects } = result;
    if (outcome.kind === "noop" && outcome.alarm) deps.alarm("control-noop", outcome.reason);
    if (outcome.kind === "refused") deps.alarm("control-refused", `[${outcome.code}]`);
    for (const { registration, code, detail } of effects.refusedLoads)
      if (deps.ownsSalt(registration.salt)) throw new StrongroomError(code, detail);
    const { clearIndexKey } = effects;
    if (clearIndexKey !== null)
      deps.keystore.add(clearIndexKey.keyId, "index", Buffer.from(clearIndexKey.raw));
    for (const keyId of effects.unwrap) await this.unwrap(keyId);
    if (effects.cutover !== null) await this.cutOver(effects.cutover);
    for (const session of effects.closed)
      if (deps.ownsSession(session) && effects.opened.length === 0)
        throw new StrongroomError("WRITER_SUPERSEDED");
  }

  /**
   * The last of the effects: the sidecar follows, and what was retired is forgotten. Commands may
   * be applied meanwhile, control entries may not. Until it resolves nothing of the store may say
   * that the entry was applied (`unsettled`): a stop before that replays it from the log.
   */
  async record(): Promise<void> {
    const { result, deps } = this;
    if (result?.effects.sidecar === true) await this.writeSidecar();
    for (const keyId of result?.effects.forget ?? []) deps.keystore.drop(keyId);
    this.unsettled = false;
  }

  /** Nothing is waited for any more: what waits fails, and the next start does it again. */
  stop(): void {
    this.stopped = true;
    this.dropPrepared();
  }

  /** @throws NODE_STOPPING. */
  private async wait(ms: number): Promise<void> {
    this.waiting = true;
    const ends = (): boolean => this.stopped || this.deps.stopping();
    for (let left = ms; left > 0 && !ends(); left -= waitMsMin)
      await this.deps.scheduler.delay(Math.min(left, waitMsMin));
    this.waiting = false;
    if (ends()) throw new StrongroomError("NODE_STOPPING");
  }

  private writeSidecar(): Promise<void> {
    const { keeper, state, nodeId } = this.deps;
    return this.withRoom("sidecar", () => keeper.follow(state, nodeId));
  }

  private cutOver(of: "storage" | "log"): Promise<void> {
    return this.withRoom(of, () => this.deps.cutover(of));
  }

  /** A disk that is full is waited for. */
  private async withRoom(of: keyof typeof fullCodes, work: () => Promise<void>): Promise<void> {
    for (let wait = waitMsMin; ; wait = Math.min(wait * 2, waitMsMax)) {
      try {
        await work();
        return;
      } catch (error) {
        const coded = isStrongroomError(error, "STORE_DISK_FULL", "LOG_DISK_FULL");
        if (!coded && !isDiskFull(error)) throw error;
        const full = coded ? (error as StrongroomError) : new StrongroomError(fullCodes[of]);
        const what = of === "sidecar" ? "the sidecar" : `the ${of} cutover`;
        this.deps.alarm("disk-full", `${what} waits for room: ${full.explain()}`);
        await this.wait(wait);
      }
    }
  }

  /** Unwraps what the state names and the keystore lacks: the sidecar was an older one. */
  async unwrapMissing(): Promise<void> {
    for (const { id, state } of this.deps.state.keys.values())
      if (state !== "retired") await this.unwrap(id);
  }

  private async unwrap(keyId: number): Promise<void> {
    const { state, keystore, keks, alarm } = this.deps;
    if (keystore.has(keyId)) return;
    const row = state.keys.get(keyId);
    if (row === undefined || state.cluster === null)
      throw new StrongroomError("CRYPTO_KEY_UNKNOWN");
    if (this.takePrepared(row)) return;
    for (let wait = waitMsMin; ; wait = Math.min(wait * 2, waitMsMax)) {
      try {
        const key = { keyId: row.id, purpose: row.purpose, wraps: row.wraps };
        const raw = await unwrapDek(key, state.cluster, keks);
        handOver([{ keyId: row.id, purpose: row.purpose, raw }], keystore);
        return;
      } catch (error) {
        if (!isStrongroomError(error) || !(error as StrongroomError).retryable) throw error;
        alarm("kek-unavailable", `key ${keyId}: ${(error as Error).message}`);
        await this.wait(wait);
      }
    }
  }
}
