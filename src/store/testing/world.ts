/**
 * A segment store on a memory disk beside its oracle: the state after every commit, for tests that
 * stop the machine anywhere or damage what it wrote.
 * @module
 */
import type { Disk } from "../../base/ports.ts";
import { loadPrimitives } from "../../platform/primitives.ts";
import { systemRandom } from "../../platform/random.ts";
import { systemScheduler } from "../../platform/scheduler.ts";
import {
  openSegmentStore,
  type SegmentStore,
  type SegmentStoreOptions,
} from "../segments/store.ts";
import type { Store } from "../store.ts";
import { advanced, commitAt, physicalOf, putText, readText, removeText } from "../suite.ts";
import type { TestKeys } from "./keys.ts";

export const storeDirectory = "/data/store";
const testPlace = { cluster: Buffer.alloc(16, 9), group: 0 };

export function openTestStore(
  disk: Disk,
  keys: TestKeys,
  extra: Partial<SegmentStoreOptions> = {},
): SegmentStore {
  return openSegmentStore({
    disk,
    directory: storeDirectory,
    place: testPlace,
    primitives: loadPrimitives("node"),
    keys,
    scheduler: systemScheduler,
    random: systemRandom,
    segmentBytes: 24 * 1024,
    runBytes: 4096,
    compactor: {
      automatic: false,
      bytesPerSecond: Number.POSITIVE_INFINITY,
      stepBytes: 4096,
      outputBytes: 24 * 1024,
    },
    ...extra,
  });
}

export const nameCount = 12;
const controlCount = 3;

export interface OracleState {
  readonly values: ReadonlyMap<string, string>;
  readonly controls: ReadonlyMap<string, string>;
}

export class Oracle {
  /** By commit number; 0 is the empty store. */
  readonly states: OracleState[] = [{ values: new Map(), controls: new Map() }];
  private draws = 1;

  /** Repeatable numbers below `bound`. */
  draw(bound: number): number {
    this.draws = (Math.imul(this.draws, 1103515245) + 12345) >>> 0;
    return (this.draws >>> 8) % bound;
  }

  /** Flushes a few changes. The state that they lead to is known before they are durable. */
  async flush(store: Store): Promise<void> {
    const last = this.states.at(-1) as OracleState;
    const values = new Map(last.values);
    const controls = new Map(last.controls);
    const number = this.states.length;
    const run = store.newRun();
    const names = new Set(Array.from({ length: 4 }, () => `k${this.draw(nameCount)}`));
    run.reserve(64 * 1024);
    for (const name of names) {
      if (number % 2 === 0) await advanced(store, run);
      if (this.draw(3) > 0) {
        const text = `${name}@${number}:`.padEnd(40 + this.draw(5000), "xy");
        putText(run, name, text);
        values.set(name, text);
      } else {
        removeText(run, name);
        values.delete(name);
      }
    }
    const row = `c${this.draw(controlCount)}`;
    const deleted = this.draw(4) === 0;
    run.control(1, deleted, Buffer.from(row), Buffer.from(deleted ? "" : String(number)));
    if (deleted) controls.delete(row);
    else controls.set(row, String(number));
    this.states.push({ values, controls });
    await store.flush(run, commitAt(number));
  }

  /** @returns What differs between the store and the state of its commit; [] if nothing. */
  differences(store: Store): string[] {
    const state = this.states[store.durable.number];
    if (state === undefined) return [`commit ${store.durable.number} was never made`];
    const found: string[] = [];
    for (let i = 0; i < nameCount; i++) {
      const text = readText(store, `k${i}`);
      if (text !== (state.values.get(`k${i}`) ?? null))
        found.push(`k${i} is ${text?.slice(0, 10) ?? null} at commit ${store.durable.number}`);
    }
    if (store.count(1) !== state.values.size) found.push(`count ${store.count(1)}`);
    const rows = [...store.controls()].map((row) => `${row.key}=${row.value}`).sort();
    const wanted = [...state.controls].map(([key, value]) => `${key}=${value}`).sort();
    if (String(rows) !== String(wanted)) found.push(`controls ${rows} instead of ${wanted}`);
    return found;
  }
}

/** Flushes, rolls, compactions and reopenings; the same ones each time. */
export async function script(
  disk: Disk,
  keys: TestKeys,
  oracle: Oracle,
  acknowledged: (number: number) => void,
): Promise<void> {
  let store = openTestStore(disk, keys);
  for (let round = 0; round < 14; round++) {
    await oracle.flush(store);
    acknowledged(store.durable.number);
    if (round === 4) await store.compactor.compact();
    if (round === 6) {
      keys.keyId = 2;
      await store.rotate();
    }
    if (round === 9) {
      await store.close();
      store = openTestStore(disk, keys);
    }
    if (round === 11) await store.compactor.rewrite(1);
  }
  await store.close();
}

export { physicalOf };
