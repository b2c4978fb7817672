/**
 * The KEKs of a node: those it was started with and those that were added since. A file that is
 * gone or a service that cannot be used costs only that KEK: another one that wrapped a DEK opens
 * it. A name that cannot be read, or a key file that others can read, refuses the start.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Clock, Random } from "../base/ports.ts";
import { type KekHealth, probeKek } from "../kek/health.ts";
import { openKek as openProvider } from "../kek/open.ts";
import type { KekProvider } from "../kek/provider.ts";
import { splitSpec } from "../kek/spec.ts";

export type OpenKek = (spec: string) => Promise<KekProvider>;

/** A KEK that was named and could not be opened. */
export interface BrokenKek {
  readonly spec: string;
  readonly provider: string;
  readonly error: StrongroomError;
}

/** What is a mistake of the operator whichever KEKs there are. */
const refusedAlways = ["KEK_SPEC_INVALID", "KEK_PERMISSIONS"] as const;

/** It opened, and that is all that is known of it. */
const unasked = { healthy: true, reason: "", checkedMs: 0, latencyMs: 0 } as const;

export class KekSet {
  /** Those that were opened, in the order in which they are tried. One array for good. */
  readonly keks: KekProvider[] = [];
  broken: readonly BrokenKek[] = [];
  private readonly healths = new Map<string, KekHealth>();
  private readonly openKek: OpenKek;

  constructor(openKek: OpenKek = openProvider) {
    this.openKek = openKek;
  }

  /**
   * Opens what was configured.
   * @throws KEK_SPEC_INVALID, KEK_PERMISSIONS; any KEK_* if not one could be opened.
   */
  async open(specs: readonly string[]): Promise<void> {
    try {
      for (const spec of specs) await this.openOne(spec);
      const first = this.broken[0];
      if (this.keks.length === 0 && first !== undefined) throw first.error;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private async openOne(spec: string): Promise<void> {
    try {
      this.take(await this.openKek(spec));
    } catch (error) {
      if (!(error instanceof StrongroomError) || isStrongroomError(error, ...refusedAlways))
        throw error;
      this.broken = [...this.broken, { spec, provider: splitSpec(spec).scheme, error }];
    }
  }

  private take(kek: KekProvider): void {
    if (this.of(kek.id) !== null) {
      kek.close();
      throw new StrongroomError("KEK_SPEC_INVALID", "the same KEK is named twice");
    }
    this.keks.push(kek);
  }

  of(kekId: string): KekProvider | null {
    return this.keks.find(({ id }) => id === kekId) ?? null;
  }

  /** Opens one that is not of the set yet. @throws KEK_*. */
  openNew(spec: string): Promise<KekProvider> {
    return this.openKek(spec);
  }

  /** From now on it wraps and opens with the others. */
  add(kek: KekProvider, spec: string): void {
    this.take(kek);
    this.broken = this.broken.filter((one) => one.spec !== spec);
  }

  remove(kekId: string): void {
    const kek = this.of(kekId);
    if (kek === null) return;
    this.keks.splice(this.keks.indexOf(kek), 1);
    this.healths.delete(kekId);
    kek.close();
  }

  /** What is known without asking: the last answers, and those that could not be opened. */
  known(): KekHealth[] {
    const opened = this.keks.map(
      ({ id, provider }) => this.healths.get(id) ?? { ...unasked, id, provider },
    );
    const broken = this.broken.map(({ provider, error }) => {
      return { ...unasked, id: `${provider}:`, provider, healthy: false, reason: error.message };
    });
    return [...opened, ...broken];
  }

  /** Asks all of them, at once. One that is removed meanwhile, and so closed, is not told of. */
  async probe(deps: { readonly clock: Clock; readonly random: Random }): Promise<KekHealth[]> {
    const ask = async (kek: KekProvider): Promise<void> => {
      try {
        const health = await probeKek(kek, deps);
        if (this.keks.includes(kek)) this.healths.set(kek.id, health);
      } catch (error) {
        if (this.keks.includes(kek)) throw error;
      }
    };
    await Promise.all(this.keks.map(ask));
    return this.known();
  }

  close(): void {
    for (const kek of this.keks.splice(0)) kek.close();
  }
}

/** @throws as `KekSet.open`. */
export async function openKeks(specs: readonly string[], openKek?: OpenKek): Promise<KekSet> {
  const set = new KekSet(openKek);
  await set.open(specs);
  return set;
}
