/**
 * Who asked for a control entry, and when it was proposed: `request 16 | time u64`, right behind
 * the version of its body. The request id makes a mutation idempotent: the machine applies it once,
 * whoever sends it again. Hazard: an id of an operator must not be guessed by chance for another
 * request, so it has 128 bits; zero means that nobody asked, and is never taken for a repetition.
 * docs/formats/log-entry.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { ByteReader, ByteWriter } from "../base/bytes.ts";

export const requestBytes = 16;

export interface Stamp {
  /** 16 bytes; zero: asked for by nobody but the node. */
  readonly request: Uint8Array;
  /** The proposer's clock, milliseconds since 1970; 0: unknown. Diagnostic: nothing follows it. */
  readonly timeMs: number;
}

export const noStamp: Stamp = { request: Buffer.alloc(requestBytes), timeMs: 0 };

/** True if an operator's request is named. */
export function isAsked(stamp: Stamp): boolean {
  return stamp.request.some((byte) => byte !== 0);
}

export function writeStamp(writer: ByteWriter, { request, timeMs }: Stamp): void {
  assert(request.length === requestBytes);
  writer.bytes(request).safe64(timeMs);
}

export function readStamp(reader: ByteReader): Stamp {
  const request = Buffer.from(reader.bytes(requestBytes));
  return { request, timeMs: reader.safe64() };
}
