/**
 * Which event an accepted entry leaves in the history. No secret is in it: ids of keys and KEKs,
 * numbers, the reason that an operator gave.
 * @module
 */
import type { FullNodeId } from "../base/brand.ts";
import type { KeyChange } from "../entry/keychange.ts";
import type { Stamp } from "../entry/stamp.ts";
import type { Purpose, Wrap } from "../entry/wraps.ts";
import { type ControlEvent, detailText, type EventKind } from "./history.ts";
import type { ControlState, KeyRow } from "./state.ts";

export interface EventFacts {
  readonly index: number;
  readonly stamp: Stamp;
  readonly proposer: FullNodeId;
}

type Told = Pick<ControlEvent, "kind" | "keyId" | "purpose" | "detail">;

/** Keeps the event of an accepted entry. */
export function keepEvent(state: ControlState, facts: EventFacts, told: Told): void {
  const { index, stamp, proposer } = facts;
  const { request, timeMs } = stamp;
  const detail = detailText(told.detail);
  state.history.add({ index, timeMs, proposer, request: Buffer.from(request), ...told, detail });
  state.touchedMeta = true;
}

const rewrapped = "wrapped by ";
const rewrappedFrom = "; before by ";
const named = (wraps: readonly Wrap[]): string => wraps.map((wrap) => wrap.kekId).join(", ");

/**
 * What is told of a change.
 * @param key - Its key's row before the change; null if there was none.
 */
export function toldOf(change: KeyChange, key: KeyRow | null, before: readonly Wrap[]): Told {
  const { kind } = change;
  switch (change.kind) {
    case "add":
      return { ...ofKey(change), kind: "add", detail: `wrapped by ${named(change.wraps)}` };
    case "activate":
      return { ...ofKey(change), kind: "activate", detail: `after key ${change.previous}` };
    case "rewrap": {
      const detail = `${rewrapped}${named(change.wraps)}${rewrappedFrom}${named(before)}`;
      return { kind: "rewrap", keyId: change.keyId, purpose: key?.purpose ?? null, detail };
    }
    case "fence":
    case "retire":
      return {
        kind: change.kind,
        keyId: change.keyId,
        purpose: key?.purpose ?? null,
        detail: "",
      };
    case "skip":
      return { ...ofNone, kind: "skip", detail: `entry ${change.index}: ${change.reason}` };
    case "feature-level":
      return { ...ofNone, kind: "feature-level", detail: `level ${change.level}` };
    case "clear-index-key":
      return { kind: "clear-start", keyId: change.keyId, purpose: "index", detail: "" };
    default:
      return { ...ofNone, kind: kind as EventKind, detail: "" };
  }
}

/** The KEK whose wrap a rewrap put last, which is the new one: read from the event's detail. */
export function newestKek(detail: string): string {
  const [after = ""] = detail.slice(rewrapped.length).split(rewrappedFrom);
  return after.slice(after.lastIndexOf(", ") + 1).trim();
}

/**
 * Whether a rewrap took a wrap away: a KEK went, or one wrapped anew. Also true where the detail
 * was too long to be kept whole.
 */
export function tookWrapAway(detail: string): boolean {
  const [after = "", before] = detail.slice(rewrapped.length).split(rewrappedFrom);
  if (before === undefined || before.endsWith("…")) return true;
  const now = after.split(", ");
  const then = before.split(", ");
  return now.length <= then.length || then.some((id) => !now.includes(id));
}

const ofNone = { keyId: 0, purpose: null } as const;

function ofKey(change: { keyId: number; purpose: Purpose }): { keyId: number; purpose: Purpose } {
  return { keyId: change.keyId, purpose: change.purpose };
}
