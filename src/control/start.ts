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
export function isRegistered(
  state: ControlState,
  load: LoadPlan,
  which: "log" | "storage",
): boolean {
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
): Proposal {
  switch (step) {
    case "clear-index-key": {
      const { clear, cluster } = document;
      assert(clear !== null);
      const { keyId, raw } = clear;
      const registration = load.log;
      return proposeChange({ kind: "clear-index-key", cluster, keyId, raw, registration }, true);
    }
    case "bootstrap":
      return proposeBootstrap(document, load);
    case "register-log":
      return proposeRegistration(load, "log");
    case "register-storage":
      return proposeRegistration(load, "storage");
    case "enable-storage":
    case "enable-log":
      return proposeChange({ kind: step });
  }
}

export function proposeChange(change: KeyChange, opens = false): Proposal {
  return { opcode: controlOpcodes.keyChange, body: encodeKeyChange(change), opens };
}

function proposeRegistration(load: LoadPlan, which: "log" | "storage"): Proposal {
  const registration = load[which];
  assert(registration !== null);
  const body = encodeRegistration(registration);
  return { opcode: controlOpcodes.registration, body, opens: which === "log" };
}

/** The bootstrap of the document's keys, with both registrations of the load. */
export function proposeBootstrap(document: SidecarDocument, load: LoadPlan): Proposal {
  const key = (purpose: "storage" | "log" | "index"): BootstrapKey => {
    const keyId = activeKey(document, purpose) as KeyId;
    return { keyId, wraps: document.keys.get(keyId)?.wraps ?? [] };
  };
  assert(load.storage !== null);
  const body = encodeBootstrap({
    cluster: document.cluster,
    storage: key("storage"),
    log: key("log"),
    index: key("index"),
    registrations: [load.log, load.storage],
  });
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
