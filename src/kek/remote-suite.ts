/**
 * What every KEK in a service must do when that service fails: tell what may pass from what is for
 * good, try again in bounded time, say nothing secret, and be asked for nothing before its time.
 * Runs beside `kekSuite`, against a peer that fails to order.
 * @module
 */
import { describe, expect, test } from "vitest";
import { isStrongroomError, type StrongroomError } from "../base/errors.ts";
import { systemClock } from "../platform/clock.ts";
import { systemRandom } from "../platform/random.ts";
import { probeKek } from "./health.ts";
import type { KekProvider } from "./provider.ts";
import { type RetryLimits, retryLimits } from "./retry.ts";

/** How a service can fail, and the code that must tell it. */
const faultCodes = {
  /** Nobody listens. */
  down: "KEK_UNAVAILABLE",
  /** Takes the request and never answers. */
  hang: "KEK_UNAVAILABLE",
  /** An error of the service itself, as 500 or 503. */
  broken: "KEK_UNAVAILABLE",
  throttled: "KEK_UNAVAILABLE",
  denied: "KEK_DENIED",
  missing: "KEK_NOT_FOUND",
  disabled: "KEK_DISABLED",
  /** An answer that is not of this service. */
  garbage: "KEK_REFUSED",
} as const;

export type Fault = keyof typeof faultCodes;

/** A peer that can be made to fail. */
export interface RemoteHarness {
  /** Faults that this kind of service knows. */
  readonly faults: readonly Fault[];
  /** Opens key 1 or 2 anew. */
  open(which: 1 | 2, limits: RetryLimits): Promise<KekProvider>;
  /** The next `count` calls meet the fault. */
  fail(fault: Fault, count: number): Promise<void>;
  /** No fault any more. */
  calm(): Promise<void>;
  /** Calls that have reached the peer so far. */
  calls(): number;
  /** Tokens and keys that no error may hold. */
  readonly secrets: readonly string[];
}

/** Short enough for a test; the shape is that of the real ones. */
export const quickLimits: RetryLimits = {
  ...retryLimits,
  attemptMsMax: 1000,
  callMsMax: 4000,
  attemptsMax: 3,
  pauseMsMin: 5,
  pauseMsMax: 20,
  restMs: 60,
};

const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => 200 - i));
const binding = Buffer.from("00112233445566778899aabbccddeeff0200000009", "hex");
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function failure(work: Promise<unknown>): Promise<StrongroomError> {
  const error = await work.then(
    () => expect.unreachable("it should have failed"),
    (reason: unknown) => reason,
  );
  expect(isStrongroomError(error), String(error)).toBe(true);
  return error as StrongroomError;
}

export function remoteKekSuite(name: string, start: () => Promise<RemoteHarness>): void {
  /** Runs a body on a fresh KEK that is closed, and a peer that is calm, at the end. */
  const on = async (body: (peer: RemoteHarness, kek: KekProvider) => Promise<void>) => {
    const peer = await start();
    const kek = await peer.open(1, quickLimits);
    try {
      await body(peer, kek);
    } finally {
      kek.close();
      await peer.calm();
    }
  };
  describe(`remote kek: ${name}`, () => {
    quiet(on);
    passing(on);
    lasting(on);
  });
}

type On = (body: (peer: RemoteHarness, kek: KekProvider) => Promise<void>) => Promise<void>;

function quiet(on: On): void {
  test("opening it asks nothing of the service", async () => {
    await on(async (peer) => {
      const before = peer.calls();
      (await peer.open(2, quickLimits)).close();
      expect(peer.calls()).toBe(before);
    });
  });

  test("health: a good key is healthy, a service that is down says why not", async () => {
    await on(async (peer, kek) => {
      const deps = { clock: systemClock, random: systemRandom };
      const good = await probeKek(kek, deps);
      expect(good).toMatchObject({ id: kek.id, healthy: true, reason: "" });
      expect(good.latencyMs).toBeGreaterThan(0);
      await peer.fail("down", Number.POSITIVE_INFINITY);
      const bad = await probeKek(kek, deps);
      expect(bad).toMatchObject({ id: kek.id, healthy: false });
      expect(bad.reason).toMatch(/^\[KEK_UNAVAILABLE\] ./);
    });
  });
}

function passing(on: On): void {
  test("a failure that passes is not seen", async () => {
    await on(async (peer, kek) => {
      const wrapped = await kek.wrap(dek(), binding);
      for (const fault of ["broken", "throttled", "hang"] as const) {
        if (!peer.faults.includes(fault)) continue;
        await peer.fail(fault, 1);
        expect((await kek.unwrap(wrapped, binding)).equals(dek()), fault).toBe(true);
        await peer.fail(fault, 1);
        const other = await kek.wrap(dek(), binding);
        await peer.calm();
        expect((await kek.unwrap(other, binding)).equals(dek()), fault).toBe(true);
      }
    });
  });

  test("a failure that lasts is retryable, told in bounded time, gone with its cause", async () => {
    await on(async (peer, kek) => {
      const wrapped = await kek.wrap(dek(), binding);
      for (const fault of ["down", "hang", "broken", "throttled"] as const) {
        if (!peer.faults.includes(fault)) continue;
        await peer.fail(fault, Number.POSITIVE_INFINITY);
        const start = performance.now();
        const error = await failure(kek.unwrap(wrapped, binding));
        expect(performance.now() - start).toBeLessThan(quickLimits.callMsMax + 3000);
        expect(error).toMatchObject({ code: "KEK_UNAVAILABLE", retryable: true });
        const again = await failure(kek.wrap(dek(), binding));
        expect(again.retryable, fault).toBe(true);
        await peer.calm();
        await pause(quickLimits.restMs + 20);
        expect((await kek.unwrap(wrapped, binding)).equals(dek()), fault).toBe(true);
      }
    });
  });

  test("attempts are counted: a service that fails is not stormed", async () => {
    await on(async (peer, kek) => {
      if (!peer.faults.includes("broken")) return;
      const wrapped = await kek.wrap(dek(), binding);
      const before = peer.calls();
      await peer.fail("broken", Number.POSITIVE_INFINITY);
      const asked = Array.from({ length: 20 }, () => kek.unwrap(wrapped, binding));
      for (const one of await Promise.allSettled(asked)) expect(one.status).toBe("rejected");
      await failure(kek.unwrap(wrapped, binding));
      const perCall = (peer.calls() - before) / 20;
      expect(perCall).toBeLessThanOrEqual(quickLimits.attemptsMax);
    });
  });
}

function lasting(on: On): void {
  test("a failure for good has its own code, is not tried again, and tells no secret", async () => {
    await on(async (peer, kek) => {
      const wrapped = await kek.wrap(dek(), binding);
      for (const fault of ["denied", "missing", "disabled", "garbage"] as const) {
        if (!peer.faults.includes(fault)) continue;
        await peer.fail(fault, Number.POSITIVE_INFINITY);
        const code = faultCodes[fault];
        const works = [() => kek.unwrap(wrapped, binding), () => kek.wrap(dek(), binding)];
        for (const work of works) {
          const error = await failure(work());
          expect(error, `${fault}: ${error.message}`).toMatchObject({ code, retryable: false });
          const text = `${error.stack} ${String(error.cause)}`;
          const told = [...peer.secrets, dek().toString("base64"), dek().toString("hex")];
          for (const secret of told) expect(text.includes(secret), fault).toBe(false);
        }
        await peer.calm();
      }
      expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
    });
  });

  test("every failure is explained: what is wrong, what was kept, what to do", async () => {
    await on(async (peer, kek) => {
      for (const fault of peer.faults) {
        await peer.fail(fault, Number.POSITIVE_INFINITY);
        const error = await failure(kek.wrap(dek(), binding));
        expect(error.explain().split("; ").length).toBeGreaterThanOrEqual(3);
        await peer.calm();
        await pause(quickLimits.restMs + 20);
      }
    });
  });
}
