/**
 * What becomes of a control entry, and what must be durable before it counts as applied. The
 * applier computes; `node` performs. docs/formats/log-entry.md.
 * @module
 */
import type { KeyId, SessionId } from "../base/brand.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Registration } from "../entry/registration.ts";

export type NoopReason =
  /** The same content again: normal after a crash. */
  | "replayed"
  | "already-active"
  /** The same request was done before, by the entry `first`. */
  | "repeated"
  /** No valid HMAC under an accepted log DEK: forged, damaged, or of another cluster or group. */
  | "unauthenticated"
  | "other-cluster"
  /** Authentic, but not the next entry of a current session: repeated or reordered. */
  | "stale-session"
  | "gap"
  | "out-of-session";

export type Outcome =
  | { readonly kind: "accepted" }
  /** A typed error for the proposer; the others go on. */
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly detail: string }
  /** With `alarm`, an honest node would not have sent it: say so loudly, and go on. */
  | {
      readonly kind: "noop";
      readonly reason: NoopReason;
      readonly alarm: boolean;
      /** Index of the entry that had done it; 0: not known. */
      readonly first: number;
    }
  /** The applied index must not advance. Nothing of the state was changed. */
  | { readonly kind: "halt"; readonly code: ErrorCode; readonly detail: string };

/** A load whose registration was refused. If the salt is this node's own, this node stops. */
export interface RefusedLoad {
  readonly registration: Registration;
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface ControlEffects {
  /** These DEKs must be unwrapped and in the keystore before the entry counts as applied. */
  readonly unwrap: readonly KeyId[];
  /** Then the sidecar must be durable with the state as it is after the entry. */
  readonly sidecar: boolean;
  /** Then these DEKs are zeroed and dropped from the keystore. */
  readonly forget: readonly KeyId[];
  readonly opened: readonly SessionId[];
  /** A node that finds its own session here, without a new one of its own, has been superseded. */
  readonly closed: readonly SessionId[];
  readonly refusedLoads: readonly RefusedLoad[];
  /** The index key in clear, to be put into keystore and sidecar (encryption off). */
  readonly clearIndexKey: { readonly keyId: KeyId; readonly raw: Buffer } | null;
  /**
   * An envelope is on from here. Before the sidecar says so: the store takes no clear segment in
   * any more (storage), no file of the log that exists is ever written over (log).
   */
  readonly cutover: "storage" | "log" | null;
}

export interface ControlResult {
  readonly outcome: Outcome;
  readonly effects: ControlEffects;
}

/** Effects while they are gathered. */
export class Draft implements ControlEffects {
  readonly unwrap: KeyId[] = [];
  sidecar = false;
  readonly forget: KeyId[] = [];
  readonly opened: SessionId[] = [];
  readonly closed: SessionId[] = [];
  readonly refusedLoads: RefusedLoad[] = [];
  clearIndexKey: { keyId: KeyId; raw: Buffer } | null = null;
  cutover: "storage" | "log" | null = null;
}

export const accepted: Outcome = { kind: "accepted" };

export function refused(code: ErrorCode, detail: string): Outcome {
  return { kind: "refused", code, detail };
}

export function halt(code: ErrorCode, detail: string): Outcome {
  return { kind: "halt", code, detail };
}

const honest: readonly NoopReason[] = ["replayed", "already-active", "repeated"];

export function noop(reason: NoopReason, first = 0): Outcome {
  return { kind: "noop", reason, alarm: !honest.includes(reason), first };
}
