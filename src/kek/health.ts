/**
 * Asks a KEK whether it would do its work: 32 random bytes are wrapped, opened again, and must not
 * open under another binding. That also finds a key that was replaced, and a service too old to
 * carry the binding. Three calls; never on the way of a read or write.
 * @module
 */
import { equalBytes } from "../base/bytes.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Clock, Random } from "../base/ports.ts";
import { dekBytes, type KekProvider } from "./provider.ts";

export interface KekHealth {
  readonly id: string;
  readonly provider: string;
  readonly healthy: boolean;
  /** `[CODE] why not`, without secrets; empty if healthy. */
  readonly reason: string;
  /** When it was asked, milliseconds since 1970. */
  readonly checkedMs: number;
  /** Of wrapping and opening together. */
  readonly latencyMs: number;
}

/** `cluster id 16 | purpose u8 | key_id u32` of no key: purpose and id are never 0 elsewhere. */
const probeBinding = Buffer.alloc(21);
const otherBinding = Buffer.alloc(21, 0xff);

/** Never throws for a failing KEK. Bounded in time by the provider's own limits. */
export async function probeKek(
  kek: KekProvider,
  deps: { readonly clock: Clock; readonly random: Random },
): Promise<KekHealth> {
  const { id, provider } = kek;
  const checkedMs = deps.clock.nowMs();
  const start = deps.clock.monotonicMs();
  const latency = (): number => Math.round((deps.clock.monotonicMs() - start) * 10) / 10;
  try {
    const wrapped = await roundTrip(kek, deps.random);
    const latencyMs = latency();
    await mustNotMove(kek, wrapped);
    return { id, provider, healthy: true, reason: "", checkedMs, latencyMs };
  } catch (error) {
    if (!isStrongroomError(error)) throw error;
    const reason = (error as StrongroomError).message;
    return { id, provider, healthy: false, reason, checkedMs, latencyMs: latency() };
  }
}

async function roundTrip(kek: KekProvider, random: Random): Promise<Buffer> {
  const sample = random.bytes(dekBytes);
  const wrapped = await kek.wrap(sample, probeBinding);
  const opened = await kek.unwrap(wrapped, probeBinding);
  const same = equalBytes(sample, opened);
  opened.fill(0);
  if (!same) throw new StrongroomError("KEK_REFUSED", "it opens something else than it wrapped");
  return wrapped;
}

async function mustNotMove(kek: KekProvider, wrapped: Buffer): Promise<void> {
  try {
    (await kek.unwrap(wrapped, otherBinding)).fill(0);
  } catch (error) {
    if (isStrongroomError(error, "KEK_WRONG")) return;
    throw error;
  }
  throw new StrongroomError("KEK_UNSUITABLE", "it ignores the place that a wrap is bound to");
}
