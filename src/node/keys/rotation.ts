/**
 * Rotation: a fresh DEK for what is written from now on. Two entries: the key is added, and once
 * every live member holds it, it is made active. The DEK is drawn and wrapped before anything is
 * proposed, so no client waits for a KEK. A stop between the two entries leaves a key that was
 * added; the next rotation of the purpose takes it up, unless it was fenced. docs/operations.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { KeyId } from "../../base/brand.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { ControlEvent } from "../../control/history.ts";
import { pendingRotation, planActivation, planRotation } from "../../control/planning.ts";
import { proposeChange } from "../../control/start.ts";
import type { Applied, RequestId } from "../operations.ts";
import { doneBefore, type KeyWork, reused } from "./work.ts";

export type RotatedPurpose = "storage" | "log";
export type Rotated = Applied & { readonly keyId: number };

/** The nodes that must be able to use a key before anybody does. */
export interface Members {
  /** Resolves once every live member has said that it holds the key. */
  hold(keyId: KeyId): Promise<void>;
}

export class Rotation {
  private readonly work: KeyWork;
  private readonly members: Members;

  /** @param members - Default: this node is the only one, and holds what it has applied. */
  constructor(work: KeyWork, members: Members = new Alone(work)) {
    this.work = work;
    this.members = members;
  }

  /** As an operator asks for it: KeyOperations.rotate. */
  rotate(request: RequestId, purpose: RotatedPurpose, ifActive: number): Promise<Rotated> {
    return this.work.mutate(
      request,
      (event) => this.known(event, purpose),
      (id) => this.once(id, purpose, ifActive),
    );
  }

  /**
   * As the node asks itself, while it starts or because of a policy. Every node that finds the same
   * reason for the same key asks the same, so it is done once.
   */
  because(reason: string, purpose: RotatedPurpose): Promise<Rotated> {
    return this.work.exclusive(async () => {
      const active = this.activeId(purpose);
      const request = this.work.derived("rotate", reason, purpose, active);
      const event = this.work.runtime.deps.state.history.find(request);
      return event === null ? this.once(request, purpose, active) : this.known(event, purpose);
    });
  }

  private activeId(purpose: RotatedPurpose): number {
    const active = this.work.runtime.deps.state.active(purpose);
    if (active === null) throw new StrongroomError("CONTROL_NOT_BOOTSTRAPPED");
    return active.id;
  }

  private known(event: ControlEvent, purpose: RotatedPurpose): Rotated {
    if (event.purpose !== purpose) throw reused(event.request);
    return { keyId: event.keyId, ...doneBefore("activate")(event) };
  }

  private async once(request: Buffer, purpose: RotatedPurpose, ifActive: number): Promise<Rotated> {
    const { state } = this.work.runtime.deps;
    const active = state.keys.get(this.activeId(purpose));
    assert(active !== undefined);
    if (ifActive !== 0 && active.id !== ifActive)
      return { keyId: active.id, appliedIndex: active.activated, changed: false };
    const keyId = pendingRotation(state, purpose) ?? (await this.add(request, purpose));
    await this.members.hold(keyId);
    return { keyId, ...(await this.activate(request, keyId)) };
  }

  private async add(request: Buffer, purpose: RotatedPurpose): Promise<KeyId> {
    const { work } = this;
    const { state, keks, random, host } = work.runtime.deps;
    const plan = await planRotation(state, purpose, keks, random);
    host.prepare(plan.keyId, plan.add.wraps, plan.dek.raw);
    try {
      // The step names the key: one that was added for this request before, and was taken up by
      // another or fenced since, is not this one.
      await work.entry({
        stamp: work.stamp(work.stepOf(request, `add ${plan.keyId}`)),
        make: (stamp) => proposeChange(plan.add, stamp),
      });
    } finally {
      host.dropPrepared();
    }
    return plan.keyId;
  }

  private async activate(request: Buffer, keyId: KeyId): Promise<Applied> {
    const { work } = this;
    const { runtime } = work;
    const { state, keeper, random, session, port, store } = runtime.deps;
    const plan = planActivation(state, keeper.document, keyId, random);
    await keeper.raiseEpochs(plan.epochs);
    runtime.planned(plan.registration.salt);
    // From the entry on this key is asked for; before it nobody asks.
    if (plan.session === null) port.registered(keyId, plan.registration.epoch);
    const applied = await work.entry({
      stamp: work.stamp(request),
      make: (stamp) => proposeChange(plan.activate, stamp),
      accepted: () => {
        if (plan.session === null) return;
        session.enter(plan.session);
        runtime.proposer.restart();
      },
    });
    if (plan.session === null) await store.rotate();
    return applied;
  }
}

class Alone implements Members {
  private readonly work: KeyWork;

  constructor(work: KeyWork) {
    this.work = work;
  }

  async hold(keyId: KeyId): Promise<void> {
    const { keystore } = this.work.runtime.deps;
    if (!keystore.has(keyId)) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `key ${keyId}`);
  }
}
