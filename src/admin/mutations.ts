/**
 * Runs changes once. A change is named by its request id: while it is under way, and for a while
 * after it was done, the same id gets the same outcome. (After a restart the log itself answers for
 * ids that it has seen.) The caller waits a bounded time; then it is told that the outcome is not
 * known and how to learn it, while the change goes on. A failure is forgotten, so that the same id
 * may try again.
 *
 * The hazard: a caller who lost the answer repeats the request, and a key is rotated twice.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";

const idBytes = 16;
const idPattern = /^[0-9a-f]{32}$/;

export interface MutationLimits {
  /** How long a caller waits. */
  readonly waitMsMax: number;
  /** Changes under way at once. */
  readonly runningMax: number;
  /** Outcomes that are remembered. */
  readonly rememberedMax: number;
}

export const mutationLimits: MutationLimits = {
  waitMsMax: 30_000,
  runningMax: 16,
  rememberedMax: 256,
};

interface Known {
  /** Method and everything asked: an id stands for one change only. */
  readonly asked: string;
  readonly outcome: Promise<unknown>;
}

export class Mutations {
  readonly #random: Random;
  readonly #limits: MutationLimits;
  readonly #known = new Map<string, Known>();
  #running = 0;

  constructor(random: Random, limits: MutationLimits = mutationLimits) {
    this.#random = random;
    this.#limits = limits;
  }

  /** The id of a request, drawn if it came without. @throws ADMIN_REQUEST_INVALID. */
  idOf(given: string): string {
    if (given === "") return this.#random.bytes(idBytes).toString("hex");
    if (idPattern.test(given)) return given;
    throw new StrongroomError(
      "ADMIN_REQUEST_INVALID",
      "request_id is not 32 lower-case hex digits",
    );
  }

  /**
   * @param asked - Method and everything asked, as text.
   * @throws what `work` throws; ADMIN_OUTCOME_UNKNOWN, ADMIN_REQUEST_ID_REUSED, ADMIN_BUSY.
   */
  run<T>(id: string, asked: string, work: () => Promise<T>): Promise<T> {
    const known = this.#known.get(id);
    if (known === undefined) return this.#wait(id, this.#start(id, asked, work));
    if (known.asked !== asked)
      return Promise.reject(new StrongroomError("ADMIN_REQUEST_ID_REUSED", id));
    return this.#wait(id, known.outcome as Promise<T>);
  }

  #start<T>(id: string, asked: string, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limits.runningMax)
      return Promise.reject(new StrongroomError("ADMIN_BUSY"));
    this.#running++;
    const outcome = (async () => {
      try {
        return await work();
      } catch (error) {
        this.#known.delete(id);
        throw error;
      } finally {
        this.#running--;
      }
    })();
    this.#known.set(id, { asked, outcome });
    outcome.then(
      () => this.#forgetOldest(),
      () => {},
    );
    return outcome;
  }

  #forgetOldest(): void {
    const oldest = this.#known.keys();
    // Those under way are few and new: the oldest are done, but for a very slow one, which the log
    // answers for.
    while (this.#known.size > this.#limits.rememberedMax)
      this.#known.delete(oldest.next().value as string);
  }

  #wait<T>(id: string, outcome: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new StrongroomError("ADMIN_OUTCOME_UNKNOWN", `request ${id}`));
      }, this.#limits.waitMsMax);
      outcome.then(resolve, reject).finally(() => clearTimeout(late));
    });
  }
}
