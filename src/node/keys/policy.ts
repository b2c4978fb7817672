/**
 * When a key is rotated without anybody asking: by its age, by what was sealed under it, and in any
 * case long before a subkey has sealed all it may, or the node has used up its loads under the key.
 * Limits are checked once a second from counters, never on the way of a command. NIST SP 800-38D,
 * section 8; SP 800-57 part 1, section 5.3.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { epochRotateAt } from "../../control/planning.ts";
import type { KeyRow } from "../../control/state.ts";
import { envelopesMax } from "../../crypto/envelope.ts";
import type { Runtime } from "../runtime.ts";
import { usageOf } from "../usage.ts";
import { renewLoad } from "./registration.ts";
import type { RotatedPurpose, Rotation } from "./rotation.ts";
import type { KeyWork } from "./work.ts";

export interface Limits {
  /** Since it became active, by its proposer's clock. Milliseconds. */
  readonly ageMs: number;
  /** Sealed under it: what lies on the disk now or was written since the start, the greater. */
  readonly bytes: number;
  /** Log: entries since it became active. Storage: records on the disk under it. */
  readonly writes: number;
}

export type RotationPolicy = Readonly<Record<RotatedPurpose, Limits>>;

const never: Limits = {
  ageMs: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
  writes: Number.POSITIVE_INFINITY,
};

const units: Readonly<Record<string, { readonly of: keyof Limits; readonly times: number }>> = {
  s: { of: "ageMs", times: 1000 },
  m: { of: "ageMs", times: 60_000 },
  h: { of: "ageMs", times: 3_600_000 },
  d: { of: "ageMs", times: 86_400_000 },
  kb: { of: "bytes", times: 2 ** 10 },
  mb: { of: "bytes", times: 2 ** 20 },
  gb: { of: "bytes", times: 2 ** 30 },
  tb: { of: "bytes", times: 2 ** 40 },
  writes: { of: "writes", times: 1 },
};

/**
 * Limits such as `30d`, `storage:100gb`, `log:1000000writes`; without a purpose, of both keys.
 * @throws KEY_POLICY_INVALID.
 */
export function parsePolicy(limits: readonly string[]): RotationPolicy {
  const policy = { storage: { ...never }, log: { ...never } };
  for (const text of limits) {
    const match = /^(?:(storage|log):)?([1-9][0-9]{0,14})(s|m|h|d|kb|mb|gb|tb|writes)$/i.exec(text);
    const unit = units[(match?.[3] ?? "").toLowerCase()];
    if (match === null || unit === undefined)
      throw new StrongroomError("KEY_POLICY_INVALID", text.slice(0, 40));
    const purposes = match[1] === undefined ? (["storage", "log"] as const) : [match[1]];
    for (const purpose of purposes as readonly RotatedPurpose[])
      policy[purpose] = { ...policy[purpose], [unit.of]: Number(match[2]) * unit.times };
  }
  return policy;
}

/** Half of what a subkey may seal is left: time enough for a new load, and for many attempts. */
const renewAt = envelopesMax / 2;
const checkMs = 1000;
/** After a rotation or a new load that failed: a KEK out of reach is not asked all the time. */
const retryMs = 60_000;

export class RotationClock {
  private readonly work: KeyWork;
  private readonly rotation: Rotation;
  private readonly policy: RotationPolicy;
  private readonly renewAt: number;
  private nextMs = 0;
  private busy = false;

  constructor(work: KeyWork, rotation: Rotation, policy: RotationPolicy, renew = renewAt) {
    this.work = work;
    this.rotation = rotation;
    this.policy = policy;
    this.renewAt = renew;
  }

  /** Called often; looks now and then. */
  tick(): void {
    const { runtime } = this.work;
    const now = runtime.deps.clock.monotonicMs();
    if (this.busy || now < this.nextMs) return;
    this.nextMs = now + checkMs;
    const { state } = runtime.deps;
    if (runtime.group.haltedBy !== null || runtime.proposer.refusing !== null) return;
    const due = this.due(runtime);
    if (due === null || !state.bootstrapped) return;
    this.busy = true;
    due()
      .catch((error: Error) => {
        runtime.deps.alarm("rotation-failed", error.message);
        this.nextMs = runtime.deps.clock.monotonicMs() + retryMs;
      })
      .finally(() => {
        this.busy = false;
      });
  }

  /** One thing at a time, the most urgent first. */
  private due(runtime: Runtime): (() => Promise<unknown>) | null {
    if (runtime.deps.session.sealed >= this.renewAt) return () => renewLoad(this.work);
    for (const purpose of ["storage", "log"] as const) {
      const key = runtime.deps.state.active(purpose);
      const reason = key === null ? null : this.reason(runtime, key, this.policy[purpose]);
      if (reason !== null) return () => this.rotation.because(reason, purpose);
    }
    return null;
  }

  private reason(runtime: Runtime, key: KeyRow, limits: Limits): string | null {
    const { clock, keeper } = runtime.deps;
    if (keeper.epochOf(key.id) >= epochRotateAt) return "epochs";
    if (key.activatedMs > 0 && clock.nowMs() - key.activatedMs >= limits.ageMs) return "age";
    const { bytes, writes } = sealedUnder(runtime, key);
    if (bytes >= limits.bytes) return "bytes";
    return writes >= limits.writes ? "writes" : null;
  }
}

/** How much lies under an active key, or was written under it since the start. */
function sealedUnder(runtime: Runtime, key: KeyRow): { bytes: number; writes: number } {
  const { session, state } = runtime.deps;
  const usage = usageOf(runtime.deps, key.id);
  if (key.purpose === "storage") return { bytes: usage.storeBytes, writes: usage.storeRecords };
  const sealedFrom = Math.max(key.activated, state.logCutover);
  return {
    bytes: Math.max(usage.logBytes, session.keyId === key.id ? session.sealedBytes : 0),
    writes: state.logCutover === 0 ? 0 : runtime.machine.appliedIndex - sealedFrom,
  };
}
