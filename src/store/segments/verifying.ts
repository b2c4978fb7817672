/**
 * Verifies a segment: every frame, the chain of commits against what the manifest tells, and every
 * record by opening it. In steps, so that clients of a store that serves wait for none.
 * @module
 */
import { storagePrefix } from "../../sealed/place.ts";
import { RecordOpener } from "../../sealed/record.ts";
import type { SegmentHeader } from "./header.ts";
import type { StoreSource } from "./inspect.ts";
import { segmentMacKey, segmentSubkey } from "./keys.ts";
import { type ScanResult, type ScanTarget, scanInSteps, scanTarget } from "./scan.ts";

export type VerifyDeps = Omit<StoreSource, "directory">;

export interface VerifyVisitor {
  /** A put that opened (in a clear segment: whose checksum is right). */
  record(): void;
  /** A put that did not open. */
  failed(offset: number, error: unknown): void;
}

/** Opens puts on a copy: the chain of commits is reckoned over the sealed bytes. */
class CopyOpener {
  private readonly opener: RecordOpener | null;
  private copy = Buffer.alloc(64 * 1024);

  constructor({ keys, primitives, place }: VerifyDeps, header: SegmentHeader) {
    if (header.keyId === 0) {
      this.opener = null;
      return;
    }
    const subkey = segmentSubkey(keys, header);
    this.opener = new RecordOpener(primitives, subkey, storagePrefix(place), header.keyId);
    subkey.fill(0);
  }

  open(buffer: Buffer, at: number, length: number): void {
    if (this.opener === null) return;
    if (this.copy.length < length) this.copy = Buffer.allocUnsafeSlow(length);
    buffer.copy(this.copy, 0, at, at + length);
    try {
      this.opener.open(this.copy, 0, length);
    } finally {
      this.copy.fill(0, 0, length);
    }
  }

  dispose(): void {
    this.opener?.dispose();
  }
}

/**
 * Yields the bytes read since the step before.
 * @throws STORE_DAMAGED, FILE_FRAME_DAMAGED, CRYPTO_KEY_UNKNOWN, FORMAT_*, or Node's errors: the
 *   segment as a whole.
 */
export function* verifySegment(
  deps: VerifyDeps,
  header: SegmentHeader,
  path: string,
  closed: ScanTarget["closed"],
  visitor: VerifyVisitor,
): Generator<number, ScanResult> {
  const raw = segmentMacKey(deps.primitives, deps.keys, header);
  const mac = deps.primitives.mac(raw);
  raw.fill(0);
  const opener = new CopyOpener(deps, header);
  const put = (buffer: Buffer, at: number, bytes: number, offset: number): void => {
    try {
      opener.open(buffer, at, bytes);
      visitor.record();
    } catch (error) {
      visitor.failed(offset, error);
    }
  };
  try {
    return yield* scanInSteps(deps.disk, scanTarget(header, path, closed), mac, { put });
  } finally {
    opener.dispose();
    mac.dispose();
  }
}
