/**
 * What providers need of the world outside, so that tests can put something else in its place.
 * @module
 */
import type { Clock, Random, Scheduler } from "../base/ports.ts";
import { systemClock } from "../platform/clock.ts";
import { type HttpClient, systemHttp } from "../platform/http.ts";
import { loadPkcs11, type Pkcs11Driver } from "../platform/pkcs11.ts";
import { loadPrimitives, type Primitives } from "../platform/primitives.ts";
import { systemRandom } from "../platform/random.ts";
import { patientScheduler, systemScheduler } from "../platform/scheduler.ts";
import type { Environment } from "./env.ts";
import { type RetryLimits, retryLimits } from "./retry.ts";

export interface KekDeps {
  readonly primitives: Primitives;
  readonly random: Random;
  /** A variable that holds a key or token is removed from it. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** See `RetryDeps`. */
  readonly patience: Scheduler;
  readonly limits: RetryLimits;
  readonly http: HttpClient;
  /** Null without the addon. */
  readonly pkcs11: () => Pkcs11Driver | null;
}

export function systemDeps(): KekDeps {
  return {
    primitives: loadPrimitives(),
    random: systemRandom,
    environment: process.env,
    clock: systemClock,
    scheduler: systemScheduler,
    patience: patientScheduler,
    limits: retryLimits,
    http: systemHttp,
    pkcs11: loadPkcs11,
  };
}
