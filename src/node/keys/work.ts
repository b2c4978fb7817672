/**
 * How a change of the keys is made: one at a time, bounded in time, each entry stamped with the
 * request that asked for it. A request that the log knows is answered from there. Hazard: after a
 * failure on the way nobody may guess what became of an entry; only what was applied counts.
 * docs/decisions/0038.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { ControlEvent, EventKind } from "../../control/history.ts";
import type { Proposal } from "../../control/start.ts";
import { noStamp, requestBytes, type Stamp } from "../../entry/stamp.ts";
import type { RequestKind } from "../localrows.ts";
import type { Applied, RequestId } from "../operations.ts";
import type { Note } from "../requests.ts";
import type { Runtime } from "../runtime.ts";

/** Longest time that a caller waits. What goes on behind it goes on, or the next start ends it. */
export const operationMsMax = 30_000;
const attemptsMax = 3;

/** @throws KEY_REQUEST_INVALID. */
export function requestBytesOf(request: RequestId): Buffer {
  const bytes = Buffer.from(request, "hex");
  if (!/^[0-9a-fA-F]{32}$/.test(request) || bytes.every((byte) => byte === 0))
    throw new StrongroomError("KEY_REQUEST_INVALID");
  return bytes;
}

export interface EntryPlan {
  readonly stamp: Stamp;
  readonly make: (stamp: Stamp) => Proposal;
  /** The session that the entry opens; default: it stands in the current one. */
  readonly opens?: bigint;
  /** Once it was accepted, before anything else is proposed. Not for a repetition. */
  readonly accepted?: () => void;
}

/** A skip that stands in the log, and passes its entry at the next start. */
export interface AwaitedSkip {
  readonly request: Buffer;
  readonly index: number;
  readonly appliedIndex: number;
}

export class KeyWork {
  readonly runtime: Runtime;
  awaited: AwaitedSkip | null = null;
  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** One after the other. @throws KEY_OPERATION_TIMEOUT while the work goes on. */
  exclusive<T>(work: () => Promise<T>, msMax = operationMsMax): Promise<T> {
    return this.bounded(this.runtime.inTurn(work), msMax);
  }

  private bounded<T>(work: Promise<T>, msMax: number): Promise<T> {
    const late = this.runtime.deps.scheduler.delay(msMax).then((): never => {
      throw new StrongroomError("KEY_OPERATION_TIMEOUT", `after ${msMax} ms`);
    });
    late.catch(() => {});
    return Promise.race([work, late]);
  }

  /**
   * A mutation as an operator asks for it.
   * @param known - Its answer if the request was done before.
   * @throws KEY_REQUEST_INVALID, NODE_HALTED, NODE_STOPPING, KEY_OPERATION_TIMEOUT, and the work's.
   */
  async mutate<T extends Applied>(
    request: RequestId,
    known: (event: ControlEvent) => T,
    work: (request: Buffer) => Promise<T>,
    msMax = operationMsMax,
  ): Promise<T> {
    const id = requestBytesOf(request);
    return this.exclusive(() => this.judged(id, known, work), msMax);
  }

  /** As `mutate`, for work that takes its turn itself. */
  async guarded<T extends Applied>(
    request: RequestId,
    known: (event: ControlEvent) => T,
    work: () => Promise<T>,
    msMax = operationMsMax,
  ): Promise<T> {
    return this.bounded(this.judged(requestBytesOf(request), known, work), msMax);
  }

  private async judged<T extends Applied>(
    id: Buffer,
    known: (event: ControlEvent) => T,
    work: (id: Buffer) => Promise<T>,
  ): Promise<T> {
    const { runtime } = this;
    const { host, state } = runtime.deps;
    if (runtime.requests.has(id)) throw reused(id);
    const event = state.history.find(id);
    // While its effects are not durable, an entry does not count as applied.
    if (event !== null && !host.unsettled) return known(event);
    this.gate();
    return work(id);
  }

  /**
   * A change of this node's own files, as an operator asks for it: no entry, so its request is kept
   * by the node. `work` gets the note that it keeps together with the change.
   * @param known - What is told to a request that was done before.
   * @throws KEY_REQUEST_INVALID, ADMIN_REQUEST_ID_REUSED, and the work's.
   */
  async local<T extends object>(
    ask: { readonly request: RequestId; readonly kind: RequestKind; readonly keyId: number },
    known: () => T,
    work: (note: Note) => Promise<T>,
  ): Promise<Applied & T> {
    const { requests, machine, deps } = this.runtime;
    const asked = { ...ask, request: requestBytesOf(ask.request) };
    if (deps.state.history.find(asked.request) !== null) throw reused(asked.request);
    const before = requests.find(asked);
    if (before !== null) return { ...known(), ...before };
    const { appliedIndex } = machine;
    const done = await work(requests.note(asked, appliedIndex));
    return { ...done, appliedIndex, changed: true };
  }

  /** @throws NODE_HALTED, NODE_STOPPING: nothing can be proposed. */
  gate(): void {
    const { state, group } = this.runtime;
    if (group.haltedBy !== null)
      throw new StrongroomError("NODE_HALTED", group.haltedBy.message, { cause: group.haltedBy });
    if (state !== "serving") throw new StrongroomError("NODE_STOPPING");
  }

  /** Who asks (null: the node itself, once), and now. */
  stamp(request: Buffer | null): Stamp {
    const timeMs = this.runtime.deps.clock.nowMs();
    return { request: request ?? noStamp.request, timeMs };
  }

  /** For a step before the last one of a request: an id of its own that follows from both. */
  stepOf(request: Buffer, step: string): Buffer {
    const { sha256 } = this.runtime.deps.state.deps;
    const text = Buffer.from(`strongroom/1/step\0${step}\0`, "utf8");
    return sha256(Buffer.concat([text, request])).subarray(0, requestBytes);
  }

  /** For what the cluster asks itself: the same on every node. */
  derived(...parts: readonly (string | number)[]): Buffer {
    const { state, keeper } = this.runtime.deps;
    const text = Buffer.from(`strongroom/1/request\0${parts.join("\0")}`, "utf8");
    return state.deps
      .sha256(Buffer.concat([text, keeper.document.cluster]))
      .subarray(0, requestBytes);
  }

  /**
   * Proposes one entry and waits until it was applied and is durable with its effects.
   * @throws what the applier refuses it with; of a failed log LOG_WRITE_FAILED: whether it is in
   * the log is told by the next start, and by the same request then.
   */
  async entry(plan: EntryPlan): Promise<Applied> {
    const { runtime } = this;
    const { host } = runtime.deps;
    for (let attempt = 1; ; attempt++) {
      let before = 0;
      let changed = false;
      try {
        const proposal = plan.make(plan.stamp);
        const index = await runtime.propose(proposal, plan.opens ?? null, () => {
          before = host.before;
          changed = host.accepted;
          if (changed) plan.accepted?.();
        });
        return { appliedIndex: before === 0 ? index : before, changed };
      } catch (error) {
        // It was a no-op: its place in the session was taken by what failed before it.
        const again = isStrongroomError(error, "NODE_ENTRY_REFUSED") && attempt < attemptsMax;
        if (!again) throw error;
      }
    }
  }
}

/**
 * The answer of a request that was done before.
 * @param keyId - The key that it was about; left out: any.
 * @throws ADMIN_REQUEST_ID_REUSED: its id stands for something else.
 */
export function doneBefore(kind: EventKind, keyId?: number): (event: ControlEvent) => Applied {
  return (event) => {
    if (event.kind !== kind || (keyId !== undefined && event.keyId !== keyId))
      throw reused(event.request);
    return { appliedIndex: event.index, changed: false };
  };
}

/** An id stands for one change. */
export function reused(request: Buffer): StrongroomError {
  return new StrongroomError("ADMIN_REQUEST_ID_REUSED", request.toString("hex"));
}
