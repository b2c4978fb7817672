// Goal: a service that fails or is silent costs a bounded time and a bounded number of attempts.
// Method: a clock that only pauses move, so that every wait can be seen.
import { expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { connectionFailure, statusFailure, tellableText, unknownFailure } from "./failures.ts";
import { Caller, type RetryLimits } from "./retry.ts";

const limits: RetryLimits = {
  attemptMsMax: 5000,
  callMsMax: 15_000,
  attemptsMax: 4,
  pauseMsMin: 100,
  pauseMsMax: 2000,
  restMs: 1000,
};

/** `draws` are the shares of the bound that the jitter takes. */
function world(draws: readonly number[] = [1]) {
  let now = 0;
  let drawn = 0;
  const pauses: number[] = [];
  const random = {
    bytes: (length: number) => {
      const bytes = Buffer.alloc(length);
      bytes.writeUInt32BE(Math.floor((draws[drawn++ % draws.length] as number) * 0xffffffff));
      return bytes;
    },
  };
  const patience = {
    yieldNow: async () => {},
    delay: async (ms: number) => {
      pauses.push(Math.round(ms));
      now += ms;
    },
  };
  const timers: { at: number; fire: () => void }[] = [];
  const scheduler = {
    yieldNow: async () => {},
    delay: (ms: number) =>
      new Promise<void>((resolve) => timers.push({ at: now + ms, fire: resolve })),
  };
  const clock = { nowMs: () => now, monotonicMs: () => now, sinceBootMs: () => now };
  /** Time passes until the oldest time limit is over. */
  const pass = (ms: number) => {
    now += ms;
    for (const timer of timers) if (timer.at <= now) timer.fire();
  };
  const caller = new Caller("vault:x", { clock, random, scheduler, patience, limits });
  return { caller, pauses, pass };
}

const judge = (error: unknown) => connectionFailure(error) ?? unknownFailure(error);
const refused = () => Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));

test("retry: pauses grow exponentially, drawn by full jitter, and attempts end", async () => {
  const { caller, pauses } = world([1, 0.5, 1]);
  let tries = 0;
  const call = caller.call(() => {
    tries++;
    return refused();
  }, judge);
  await expect(call).rejects.toThrow(/KEK_UNAVAILABLE.*ECONNREFUSED.*tried 4 times/);
  expect(tries).toBe(4);
  expect(pauses).toEqual([100, 100, 400]);
});

test("retry: after a failed call the service rests, then is asked again", async () => {
  const { caller, pass } = world();
  await expect(caller.call(refused, judge)).rejects.toThrow(/tried/);
  const good = async () => "answer";
  await expect(caller.call(good, judge)).rejects.toThrow(/a moment ago/);
  pass(limits.restMs);
  expect(await caller.call(good, judge)).toBe("answer");
});

test("retry: what the service asks for is waited for, but not for ever", async () => {
  const { caller, pauses } = world([0]);
  let tries = 0;
  const busy = async () => {
    if (++tries > 2) return "answer";
    throw new Error("busy");
  };
  const asks = ["1", "86400"];
  const answer = caller.call(busy, () => statusFailure(429, "", asks.shift()));
  expect(await answer).toBe("answer");
  expect(pauses).toEqual([1000, limits.pauseMsMax]);
});

test("retry: silence ends the attempt, whose signal fires, and in the end the call", async () => {
  const { caller, pass } = world([0]);
  const signals: AbortSignal[] = [];
  const call = caller.call(({ signal }) => {
    signals.push(signal);
    return new Promise<never>(() => {});
  }, judge);
  call.catch(() => {});
  for (let second = 0; second < 20; second++) {
    pass(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect(call).rejects.toThrow(/KEK_UNAVAILABLE.*no answer within/);
  expect(signals.length).toBeLessThanOrEqual(limits.attemptsMax);
  expect(signals.every((signal) => signal.aborted)).toBe(true);
});

test("retry: a failure for good is not tried again", async () => {
  const { caller, pauses } = world();
  const denied = () => Promise.reject(new StrongroomError("KEK_DENIED"));
  await expect(caller.call(denied, judge)).rejects.toThrow(/KEK_DENIED/);
  await expect(caller.call(async () => 1, judge)).resolves.toBe(1);
  expect(pauses).toEqual([]);
});

test("failures: every status has its code", () => {
  const code = (status: number) => statusFailure(status, "").error.code;
  for (const status of [408, 412, 425, 429, 472, 473, 500, 502, 503, 504])
    expect(code(status), String(status)).toBe("KEK_UNAVAILABLE");
  expect([401, 403].map(code)).toEqual(["KEK_DENIED", "KEK_DENIED"]);
  expect(code(404)).toBe("KEK_NOT_FOUND");
  for (const status of [300, 307, 400, 405, 409]) expect(code(status)).toBe("KEK_REFUSED");
});

test("failures: a connection that breaks may pass, a peer that is not trusted does not", () => {
  const judged = (code: string) => connectionFailure({ code })?.error.code;
  for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNRESET"])
    expect(judged(code), code).toBe("KEK_UNAVAILABLE");
  for (const code of [
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "SELF_SIGNED_CERT_IN_CHAIN",
  ])
    expect(judged(code), code).toBe("KEK_UNTRUSTED");
  expect(judged("ERR_INVALID_ARG_TYPE")).toBeUndefined();
  expect(connectionFailure(new Error("outer", { cause: { code: "EPIPE" } }))).not.toBeNull();
  expect(connectionFailure(new AggregateError([{ code: "ECONNREFUSED" }]))).not.toBeNull();
});

test("failures: a service's words are told short, on one line, without long secrets", () => {
  expect(tellableText("permission\ndenied\u0007")).toBe("permission denied");
  expect(tellableText(`token hvs.${"A1b2".repeat(12)} is bad`)).not.toContain("A1b2A1b2");
  expect(tellableText("word ".repeat(100)).length).toBeLessThanOrEqual(161);
});
