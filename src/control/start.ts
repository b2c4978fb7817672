/**
 * What a starting node proposes, one entry after the other, decided from the applied state alone:
 * so a crash between any two of them goes on where it stopped. A cluster born encrypted has both
 * envelopes on before the first write of a user. DESIGN "Born encrypted".
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import {
  type BootstrapKey,
  type ControlOpcode,
  type ControlPlace,
  controlOpcodes,
  encodeBootstrap,
  encodeControlPayload,
  encodeRegistration,
} from "../entry/control.ts";
import { encodeKeyChange, type KeyChange } from "../entry/keychange.ts";
import { noStamp, type Stamp } from "../entry/stamp.ts";
import { activeKey, type SidecarDocument } from "./document.ts";
import { type MacSource, signControl } from "./macs.ts";
import type { LoadPlan } from "./planning.ts";
import { type ControlState, placeOf } from "./state.ts";

export type StartStep =
  | "clear-index-key"
  | "bootstrap"
  | "register-log"
  | "register-storage"
  | "enable-storage"
  | "enable-log"
  | "serve";

/** An entry to propose, before its place is known. */
export interface Proposal {
  readonly opcode: ControlOpcode;
  readonly body: Buffer;
  /** True: it stands in the load's session as number 0. False: it takes the next number. */
  readonly opens: boolean;
}

/** True if exactly this load is in the registry: node, epoch and salt. */
function isRegistered(state: ControlState, load: LoadPlan, which: "log" | "storage"): boolean {
  const registration = load[which];
  if (registration === null) return true;
  const place = placeOf(registration.dek, load.node.node16);
  const row = state.writers.get(place);
  const kept = state.loads.get(place);
  return (
    row?.fullNodeId === registration.fullNodeId &&
    kept?.epoch === registration.epoch &&
    kept.salt.equals(registration.salt)
  );
}

/** The next step of a start, given what has been applied; "serve" when there is none. */
export function nextStep(state: ControlState, load: LoadPlan, encryption: "on" | "off"): StartStep {
  if (!state.bootstrapped && state.clearIndexKeyId === 0)
    return encryption === "on" ? "bootstrap" : "clear-index-key";
  if (!isRegistered(state, load, "log")) return "register-log";
  if (!isRegistered(state, load, "storage")) return "register-storage";
  if (state.bornEncrypted && state.storageCutover === 0) return "enable-storage";
  if (state.bornEncrypted && state.logCutover === 0) return "enable-log";
  return "serve";
}

/** What to propose for a step. */
export function proposalOf(
  step: Exclude<StartStep, "serve">,
  document: SidecarDocument,
  load: LoadPlan,
  stamp: Stamp = noStamp,
): Proposal {
  switch (step) {
    case "clear-index-key": {
      const { clear, cluster } = document;
      assert(clear !== null);
      const { keyId, raw } = clear;
      const registration = load.log;
      const change = { kind: step, cluster, keyId, raw, registration } as const;
      return proposeChange(change, stamp, true);
    }
    case "bootstrap":
      return proposeBootstrap(document, load, stamp);
    case "register-log":
      return proposeRegistration(load, "log", stamp);
    case "register-storage":
      return proposeRegistration(load, "storage", stamp);
    case "enable-storage":
    case "enable-log":
      return proposeChange({ kind: step }, stamp);
  }
}

export function proposeChange(change: KeyChange, stamp: Stamp = noStamp, opens = false): Proposal {
  return { opcode: controlOpcodes.keyChange, body: encodeKeyChange(change, stamp), opens };
}

/** Under the log key it opens the load's session, under the storage key it takes a turn. */
export function proposeRegistration(
  load: LoadPlan,
  which: "log" | "storage",
  stamp: Stamp = noStamp,
): Proposal {
  const registration = load[which];
  assert(registration !== null);
  const body = encodeRegistration(registration, stamp);
  return { opcode: controlOpcodes.registration, body, opens: which === "log" };
}

/** The bootstrap of the document's keys, with both registrations of the load. */
export function proposeBootstrap(
  document: SidecarDocument,
  load: LoadPlan,
  stamp: Stamp = noStamp,
): Proposal {
  const key = (purpose: "storage" | "log" | "index"): BootstrapKey => {
    const keyId = activeKey(document, purpose) as KeyId;
    return { keyId, wraps: document.keys.get(keyId)?.wraps ?? [] };
  };
  assert(load.storage !== null);
  const bootstrap = {
    cluster: document.cluster,
    storage: key("storage"),
    log: key("log"),
    index: key("index"),
    registrations: [load.log, load.storage],
  };
  const body = encodeBootstrap(bootstrap, stamp);
  return { opcode: controlOpcodes.bootstrap, body, opens: true };
}

/**
 * The payload of a proposal for its final place in a session. Signed under the active log DEK once
 * the cluster is bootstrapped; before that, and the bootstrap itself, unsigned.
 */
export function payloadOf(
  proposal: Proposal,
  place: ControlPlace,
  state: ControlState,
  macs: MacSource,
): Buffer {
  assert(proposal.opens === (place.seq === 0));
  const { opcode, body } = proposal;
  if (!state.bootstrapped || opcode === controlOpcodes.bootstrap)
    return encodeControlPayload(opcode, body, null);
  const key = state.active("log");
  assert(key !== null);
  return signControl(macs, key.id, place, opcode, body);
}
