/**
 * Begins segments: a number that was never used, a fresh salt, so a fresh subkey, and the place in
 * the chain of commits.
 * @module
 */
import type { Random } from "../../base/ports.ts";
import { envelopesMax } from "../../crypto/envelope.ts";
import { blockBytes } from "../../files/framing.ts";
import { storagePrefix } from "../../sealed/place.ts";
import type { Segment } from "./books.ts";
import {
  encodeSegmentHeader,
  headerMac,
  type SegmentHeader,
  type SegmentPlan,
  saltBytes,
} from "./header.ts";
import { segmentMacKey, segmentSubkey } from "./keys.ts";
import type { LedgerInput } from "./ledger.ts";
import { hintPath, segmentPath } from "./names.ts";

/**
 * @param chain - The commit before the segment's first one; number 0 and zeros for the compactor's.
 * @returns The plan for the writer, holding keys that the writer zeroes, and the books' entry.
 */
export function planSegment(
  input: LedgerInput,
  random: Random,
  number: number,
  chain: { readonly number: number; readonly mac: Buffer },
  sealsMax = envelopesMax,
): { plan: SegmentPlan; segment: Segment } {
  const { keys, primitives, place, directory } = input;
  const active = keys.active();
  const clear = active.keyId === 0;
  const header: SegmentHeader = {
    number,
    keyId: active.keyId,
    node16: active.node16,
    epoch: clear ? 0 : active.epoch,
    salt: random.bytes(saltBytes),
    chainNumber: chain.number,
    chainMac: Buffer.from(chain.mac),
  };
  const macKey = segmentMacKey(primitives, keys, header);
  const mac = primitives.mac(macKey);
  const segment: Segment = {
    header,
    headerMac: headerMac(place, header, mac),
    path: segmentPath(directory, number),
    closed: false,
    length: blockBytes,
    lastMac: header.chainMac,
    records: 0,
    recordBytes: 0,
    deadBytes: 0,
    damage: null,
    leaving: false,
  };
  const plan: SegmentPlan = {
    path: segment.path,
    hintPath: hintPath(directory, number),
    directory,
    number,
    header: encodeSegmentHeader(place, header, mac),
    keyId: header.keyId,
    node16: header.node16,
    epoch: header.epoch,
    subkey: clear ? new Uint8Array(0) : segmentSubkey(keys, header),
    macKey,
    prefix: storagePrefix(place),
    chainMac: header.chainMac,
    sealsMax,
  };
  mac.dispose();
  return { plan, segment };
}

/** Zeroes the plan's keys: an executor in another thread has worked on a copy. */
export function forgetKeys(plan: SegmentPlan): void {
  plan.subkey.fill(0);
  plan.macKey.fill(0);
}
