/**
 * What a node that has just begun to serve does about its keys, behind its clients' backs: tells
 * where KEKs and wraps do not fit together, asks the services, clears what a stop left of retired
 * keys and KEKs, takes rewrites up again, and rotates as it was configured to.
 * @module
 */
import type { Runtime } from "../runtime.ts";
import { parsePolicy, RotationClock } from "./policy.ts";
import { clearRetired } from "./retirement.ts";
import { tellMismatch } from "./rewrap.ts";
import { Rotation } from "./rotation.ts";
import { clearTakenWraps } from "./taken.ts";
import { KeyWork } from "./work.ts";

/** Between two rounds that ask the services of the KEKs whether they would do their work. */
const probeMs = 600_000;
/** Since a key became active, before a start rotates it. */
const startupRotationMsMin = 3_600_000;

/**
 * Nothing of it is waited for.
 * @returns What is to be called a few times a second while the node serves.
 * @throws KEY_POLICY_INVALID.
 */
export function beginKeys(runtime: Runtime): () => void {
  const { options, alarm, state, keks, clock } = runtime.deps;
  const policy = parsePolicy(options.rotateAfter ?? []);
  tellMismatch(state.keys.values(), keks, alarm);
  const work = new KeyWork(runtime);
  const rotation = new Rotation(work);
  const rotations = new RotationClock(work, rotation, policy);
  let probeAt = 0;
  if (runtime.group.haltedBy === null) {
    runtime.rewrites.resume();
    clearRetired(runtime)
      .then(() => clearTakenWraps(runtime))
      .catch((error: Error) => {
        // One that a stop interrupts is taken up by the next start.
        if (runtime.state !== "stopping") alarm("clearing", error.message);
      });
    if (options.rotateOnStartup === true) rotateAtStart(runtime, rotation);
  }
  return () => {
    rotations.tick();
    const now = clock.monotonicMs();
    if (now < probeAt) return;
    probeAt = now + probeMs;
    // One that is closed meanwhile, with the node, cannot answer.
    probeServices(runtime).catch(() => {});
  };
}

/** Not what became active lately: a cluster that starts node by node, or one that crashes often. */
function rotateAtStart({ deps: { state, clock, alarm } }: Runtime, rotation: Rotation): void {
  for (const purpose of ["storage", "log"] as const) {
    const key = state.active(purpose);
    if (key === null || clock.nowMs() - key.activatedMs < startupRotationMsMin) continue;
    rotation.because("startup", purpose).catch((error: Error) => {
      alarm("rotation-failed", error.message);
    });
  }
}

/** A KEK that another one stood in for is told, once the node serves and does not wait for it. */
async function probeServices({ deps }: Runtime): Promise<void> {
  const { kekSet, clock, random, alarm } = deps;
  if (kekSet.keks.every(({ provider }) => provider === "file" || provider === "env")) return;
  for (const { id, healthy, reason } of await kekSet.probe({ clock, random }))
    if (!healthy) alarm("kek-unhealthy", `${id}: ${reason}`);
}
