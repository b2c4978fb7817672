/**
 * The sidecar `encryption/keys.json`: the node's own durable copy of the keyring, with the epochs
 * it has used, so that it can open its store before it can read it. For people to read, not to
 * edit: the text is canonical and carries an HMAC under a key derived from the active storage DEK.
 * Hazard: whoever can edit it could switch encryption off; with keys in it a MAC is demanded, and
 * what is derivable (`active`, `storage_envelope_active`) is derived. docs/formats/sidecar.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import { clusterBytes } from "../entry/control.ts";
import {
  activeKey,
  type ReadSidecar,
  type SidecarDocument,
  type SidecarKey,
  type SidecarMac,
} from "./document.ts";
import { type MacSource, sameTag } from "./macs.ts";
import { parseSidecar } from "./sidecar-parse.ts";
import type { ControlState } from "./state.ts";

const domain = Buffer.from("strongroom/1/sidecar\0", "latin1");

/** The one text of a document. */
export function sidecarText(document: SidecarDocument, mac: SidecarMac | null): string {
  const keys: Record<string, unknown> = {};
  for (const [id, key] of [...document.keys].sort(([one], [other]) => one - other))
    keys[id] = {
      purpose: key.purpose,
      state: key.state,
      created: key.created,
      local_epoch: key.localEpoch,
      wraps: key.wraps.map((wrap) => ({
        kek: wrap.kekId,
        data: Buffer.from(wrap.bytes).toString("base64"),
      })),
    };
  const { clear } = document;
  const text = {
    version: 1,
    node_id: document.nodeId,
    cluster_id: document.cluster.toString("hex"),
    applied_index: document.appliedIndex,
    storage_envelope_active: document.storageCutover > 0,
    storage_cutover_index: document.storageCutover,
    log_cutover_index: document.logCutover,
    active: {
      storage: activeKey(document, "storage"),
      log: activeKey(document, "log"),
      index: activeKey(document, "index"),
    },
    keys,
    clear_index_key: clear && {
      key_id: clear.keyId,
      key: clear.raw.toString("hex"),
      local_epoch: clear.localEpoch,
    },
    mac: mac && { key_id: mac.keyId, hmac: mac.hmac },
  };
  return `${JSON.stringify(text, null, 2)}\n`;
}

function macOf(document: SidecarDocument, keyId: KeyId, macs: MacSource): Buffer | null {
  const text = Buffer.from(sidecarText(document, { keyId, hmac: "" }), "utf8");
  return macs.hmac(keyId, "sidecar", Buffer.concat([domain, text]));
}

/**
 * The file's bytes, with the HMAC of the active storage DEK unless encryption is off.
 * @throws CRYPTO_KEY_UNKNOWN if that DEK is not held.
 */
export function encodeSidecar(document: SidecarDocument, macs: MacSource): Buffer {
  assert(document.cluster.length === clusterBytes);
  assert((document.clear === null) === document.keys.size > 0, "either keys or a clear index key");
  const keyId = activeKey(document, "storage") as KeyId;
  if (document.clear !== null) return Buffer.from(sidecarText(document, null), "utf8");
  const tag = macOf(document, keyId, macs);
  if (tag === null) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `storage key ${keyId}`);
  return Buffer.from(sidecarText(document, { keyId, hmac: tag.toString("hex") }), "utf8");
}

/**
 * Reads the text and checks everything but the MAC.
 * @throws SIDECAR_UNREADABLE if it is not such a file; SIDECAR_TAMPERED if it is not as written.
 */
export function decodeSidecar(bytes: Buffer): ReadSidecar {
  const read = parseSidecar(bytes);
  const { document, mac } = read;
  if (!Buffer.from(sidecarText(document, mac), "utf8").equals(bytes))
    throw new StrongroomError("SIDECAR_TAMPERED", "not in the form in which it is written");
  if ((mac === null) !== (document.clear !== null) || (mac === null) !== (document.keys.size === 0))
    throw new StrongroomError("SIDECAR_TAMPERED", "keys without a MAC");
  if (mac !== null && mac.keyId !== activeKey(document, "storage"))
    throw new StrongroomError("SIDECAR_TAMPERED", "the MAC is not of the active storage key");
  return read;
}

/** @throws SIDECAR_TAMPERED; CRYPTO_KEY_UNKNOWN if its keys have not been unwrapped first. */
export function verifySidecar(read: ReadSidecar, macs: MacSource): SidecarDocument {
  const { document, mac } = read;
  if (mac === null) return document;
  const tag = macOf(document, mac.keyId, macs);
  if (tag === null) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `storage key ${mac.keyId}`);
  if (!sameTag(tag, Buffer.from(mac.hmac, "hex")))
    throw new StrongroomError("SIDECAR_TAMPERED", `HMAC under key ${mac.keyId}`);
  return document;
}

/**
 * The document for a state, keeping this node's epochs. Null before the state has any key.
 * @param clearIndexKey - With encryption off: the key, if the state does not know it any more.
 */
export function documentOf(
  state: ControlState,
  nodeId: string,
  epochs: (keyId: number) => number,
  clearIndexKey: Buffer | null = null,
): SidecarDocument | null {
  if (state.keyringIndex === 0 || state.cluster === null) return null;
  const keys = new Map<number, SidecarKey>();
  for (const key of state.keys.values())
    keys.set(key.id, {
      purpose: key.purpose,
      wraps: key.wraps,
      created: key.created,
      localEpoch: epochs(key.id),
      state: key.state,
    });
  const raw = state.clearIndexKey ?? clearIndexKey;
  const clearId = state.clearIndexKeyId as KeyId;
  if (clearId !== 0 && raw === null) throw new StrongroomError("SIDECAR_MISSING", "index key");
  return {
    nodeId,
    cluster: state.cluster,
    appliedIndex: state.keyringIndex,
    storageCutover: state.storageCutover,
    logCutover: state.logCutover,
    keys,
    clear: clearId === 0 ? null : { keyId: clearId, raw: raw!, localEpoch: epochs(0) },
  };
}
