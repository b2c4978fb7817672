/**
 * KEKs are added, removed and replaced while the node serves; no data is touched. One entry a key,
 * which names the wraps that it replaces, so what was interrupted half way is asked for again and
 * does the rest. Hazard: a wrap that goes before another one was seen to open. So every new wrap is
 * opened and compared before it is proposed, and a wrap is given up only where another KEK of this
 * node has just opened the key. docs/operations.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { type Kek, unwrapDek, wrapDek } from "../../control/deks.ts";
import { newestKek } from "../../control/events.ts";
import { proposeChange } from "../../control/start.ts";
import type { KeyRow } from "../../control/state.ts";
import { wrapsDigest } from "../../entry/keychange.ts";
import { type Wrap, wrapsPerKeyMax } from "../../entry/wraps.ts";
import type { KekProvider } from "../../kek/provider.ts";
import type { Applied, RequestId } from "../operations.ts";
import { clearTakenWraps } from "./taken.ts";
import { doneBefore, type KeyWork } from "./work.ts";

/** Rewrapping asks services once or more a key; clearing copies old segments. */
const rewrapMsMax = 600_000;

type WithKek = Applied & { readonly kekId: string };

/** Which wraps a key has afterwards; null: as it has them. */
type Rewrap = (row: KeyRow) => Promise<readonly Wrap[] | null>;

export class Rewrapping {
  private readonly work: KeyWork;

  constructor(work: KeyWork) {
    this.work = work;
  }

  /** KeyOperations.addKek. */
  add(request: RequestId, spec: string): Promise<WithKek> {
    return this.withNew(request, spec, (kek) => async (row) => {
      const wrap = await this.wrapBy(row, kek);
      return wrap === null ? null : [...without(row, kek.id), wrap];
    });
  }

  /**
   * KeyOperations.replaceKek: in one entry a key, so no key ever lacks both. By itself a KEK is
   * replaced where its wraps are made anew: by the newest version of its key in the service.
   */
  replace(request: RequestId, kekId: string, spec: string): Promise<WithKek> {
    const wanted = (kek: KekProvider): Rewrap => {
      this.needKnown(kekId);
      if (kek.id === kekId)
        return async (row) => [...without(row, kekId), await this.freshWrap(row, kek)];
      return async (row) => {
        const wrap = await this.wrapBy(row, kek);
        const others = without(row, kekId, kek.id);
        if (wrap !== null) return [...others, wrap];
        return others.length + 1 === row.wraps.length ? null : [...others, wrapOf(row, kek.id)];
      };
    };
    return this.withNew(request, spec, wanted, kekId);
  }

  /** KeyOperations.removeKek. @throws KEY_LAST_WRAP, KEK_NOT_IN_USE. */
  async remove(request: RequestId, kekId: string): Promise<Applied> {
    const { work } = this;
    const applied = await work.mutate(
      request,
      doneBefore("rewrap"),
      async (id) => {
        this.needKnown(kekId);
        for (const row of this.rows()) if (names(row, kekId)) await this.needAnother(row, kekId);
        const rewrapped = await this.rewrap(id, async (row) =>
          names(row, kekId) ? without(row, kekId) : null,
        );
        work.runtime.deps.kekSet.remove(kekId);
        await clearTakenWraps(work.runtime);
        return rewrapped;
      },
      rewrapMsMax,
    );
    return this.cleared(applied);
  }

  /** A request that was done before finishes what a stop kept from being cleared. */
  private async cleared<T extends Applied>(applied: T): Promise<T> {
    const { work } = this;
    if (!applied.changed) await work.exclusive(() => clearTakenWraps(work.runtime), rewrapMsMax);
    return applied;
  }

  /** @param goes - Id of the KEK that is given up for the new one; null: none. */
  private async withNew(
    request: RequestId,
    spec: string,
    wanted: (kek: KekProvider) => Rewrap,
    goes: string | null = null,
  ): Promise<WithKek> {
    const { kekSet } = this.work.runtime.deps;
    const applied = await this.work.mutate(
      request,
      (event) => ({ ...doneBefore("rewrap")(event), kekId: newestKek(event.detail) }),
      async (id) => {
        const opened = await kekSet.openNew(spec);
        // The same KEK named anew may be reached otherwise, or wrap by another version of its key.
        const kek = opened.id === goes ? opened : (kekSet.of(opened.id) ?? opened);
        if (kek !== opened) opened.close();
        try {
          const done = await this.rewrap(id, wanted(kek));
          if (goes !== null) kekSet.remove(goes);
          if (kek === opened) kekSet.add(kek, spec);
          await clearTakenWraps(this.work.runtime);
          return { ...done, kekId: kek.id };
        } catch (error) {
          if (kekSet.of(kek.id) !== kek) kek.close();
          throw error;
        }
      },
      rewrapMsMax,
    );
    return this.cleared(applied);
  }

  private rows(): KeyRow[] {
    const { keys } = this.work.runtime.deps.state;
    return [...keys.values()].filter((row) => row.state !== "retired");
  }

  private needKnown(kekId: string): void {
    const { kekSet } = this.work.runtime.deps;
    if (kekSet.of(kekId) === null && !this.rows().some((row) => names(row, kekId)))
      throw new StrongroomError("KEK_NOT_IN_USE", kekId);
  }

  /** All new wraps are made before the first entry: what cannot be wrapped changes nothing. */
  private async rewrap(request: Buffer, wanted: Rewrap): Promise<Applied> {
    const { work } = this;
    const { state } = work.runtime.deps;
    const changes: { row: KeyRow; wraps: readonly Wrap[]; replaces: Buffer }[] = [];
    for (const row of this.rows()) {
      const wraps = await wanted(row);
      if (wraps === null) continue;
      if (wraps.length > wrapsPerKeyMax)
        throw new StrongroomError("KEY_OPERATION_UNAVAILABLE", `${wrapsPerKeyMax} KEKs at most`);
      changes.push({ row, wraps, replaces: wrapsDigest(row.wraps, state.deps.sha256) });
    }
    let applied: Applied = { appliedIndex: state.keyringIndex, changed: false };
    for (const [at, { row, wraps, replaces }] of changes.entries()) {
      const last = at === changes.length - 1;
      applied = await work.entry({
        stamp: work.stamp(last ? request : work.stepOf(request, `rewrap ${row.id}`)),
        make: (stamp) => proposeChange({ kind: "rewrap", keyId: row.id, replaces, wraps }, stamp),
      });
    }
    return applied;
  }

  /** A wrap of the key by this KEK that was seen to open; null if the key has one already. */
  private async wrapBy(row: KeyRow, kek: KekProvider): Promise<Wrap | null> {
    if (names(row, kek.id) && (await this.opens(row, kek))) return null;
    return this.freshWrap(row, kek);
  }

  /** @returns A wrap that was seen to open. */
  private async freshWrap(row: KeyRow, kek: KekProvider): Promise<Wrap> {
    const { state, keystore } = this.work.runtime.deps;
    const { cluster } = state;
    if (cluster === null) throw new StrongroomError("CONTROL_NOT_BOOTSTRAPPED");
    const wraps = await keystore.lend(row.id, (raw) =>
      wrapDek({ keyId: row.id, purpose: row.purpose, raw }, cluster, [kek]),
    );
    return wraps[0] as Wrap;
  }

  /** True if this KEK opens the key now, and it is the key that is in use. */
  private async opens(row: KeyRow, kek: Kek): Promise<boolean> {
    const { state, keystore } = this.work.runtime.deps;
    if (state.cluster === null) return false;
    try {
      const key = { keyId: row.id, purpose: row.purpose, wraps: row.wraps };
      const raw = await unwrapDek(key, state.cluster, [kek]);
      const same = keystore.matches(row.id, raw);
      raw.fill(0);
      return same;
    } catch (error) {
      if (error instanceof StrongroomError) return false;
      throw error;
    }
  }

  /** @throws KEY_LAST_WRAP unless a KEK other than this one has just opened the key. */
  private async needAnother(row: KeyRow, kekId: string): Promise<void> {
    for (const kek of this.work.runtime.deps.keks)
      if (kek.id !== kekId && (await this.opens(row, kek))) return;
    throw new StrongroomError("KEY_LAST_WRAP", `key ${row.id}, kek ${kekId}`);
  }
}

const names = (row: KeyRow, kekId: string): boolean =>
  row.wraps.some((wrap) => wrap.kekId === kekId);

const without = (row: KeyRow, ...kekIds: string[]): Wrap[] =>
  row.wraps.filter((wrap) => !kekIds.includes(wrap.kekId));

const wrapOf = (row: KeyRow, kekId: string): Wrap =>
  row.wraps.find((wrap) => wrap.kekId === kekId) as Wrap;

/** Tells an operator where the configured KEKs and the wraps of the keys do not fit together. */
export function tellMismatch(
  rows: Iterable<KeyRow>,
  keks: readonly Kek[],
  alarm: (event: string, detail: string) => void,
): void {
  const usable = [...rows].filter((row) => row.state !== "retired");
  const named = new Set(usable.flatMap((row) => row.wraps.map((wrap) => wrap.kekId)));
  for (const kekId of named)
    if (!keks.some((kek) => kek.id === kekId))
      alarm("kek-not-configured", `${kekId} wraps keys and is not configured here`);
  for (const kek of keks) {
    const lacking = usable.filter((row) => !names(row, kek.id)).map((row) => row.id);
    if (lacking.length > 0)
      alarm(
        "kek-wraps-missing",
        `${kek.id} opens no key ${lacking.join(", ")}: keys rewrap adds it`,
      );
  }
}
