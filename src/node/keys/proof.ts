/**
 * The proof that nothing is left under a key on this node, counted in the files themselves: store,
 * hints, manifest, log, sidecar, control records. Signed under a key derived from the active log
 * DEK, so that it can be shown to somebody else later and checked without the node. What it cannot
 * speak of: copies of the directory made before, and blocks that a file system has not overwritten.
 * docs/operations.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { type MacSource, sameTag } from "../../control/macs.ts";
import { controlTables, keyringKey } from "../../control/records.ts";
import { wrapsOfRow } from "../../control/restore.ts";
import { rowValue } from "../../control/rowtext.ts";
import { controlOpcodes, decodeBootstrap, splitTrailer } from "../../entry/control.ts";
import { decodeKeyChange } from "../../entry/keychange.ts";
import { entryHeaderBytes, entryHeaderIn } from "../../entry/logentry.ts";
import type { Proof, ProofCount } from "../operations.ts";
import type { Runtime } from "../runtime.ts";
import { evidenceOf } from "../usage.ts";

const domain = "strongroom/1/proof\0";
/** Kind of the MAC key. */
const macKind = "proof";

/** Counts now. @throws CONTROL_KEY_UNKNOWN, CONTROL_NOT_BOOTSTRAPPED. */
export async function proofOf(runtime: Runtime, keyId: number): Promise<Proof> {
  const { state, macs, keeper, clock } = runtime.deps;
  if (!state.keys.has(keyId) && keyId !== 0)
    throw new StrongroomError("CONTROL_KEY_UNKNOWN", `key ${keyId}`);
  const { surfaces, filesExamined } = await evidenceOf(runtime.deps, keyId);
  const row = state.keys.get(keyId);
  const signer = state.active("log");
  if (signer === null) throw new StrongroomError("CONTROL_NOT_BOOTSTRAPPED");
  const wraps = wrapSurfaces(runtime, keyId);
  const retired = row?.state === "retired";
  const counted = [...surfaces, ...wraps];
  const body = {
    keyId,
    purpose: row?.purpose ?? "storage",
    state: row?.state ?? "clear",
    clean: (retired ? counted : surfaces).every(({ count }) => count === 0) && !isActive(row),
    clusterId: keeper.document.cluster.toString("hex"),
    nodeId: keeper.document.nodeId,
    appliedIndex: runtime.machine.appliedIndex,
    timeMs: clock.nowMs(),
    counted,
    filesExamined: filesExamined + 1,
    macKeyId: signer.id,
  } as const;
  const tag = macs.hmac(signer.id, macKind, proofText(body));
  if (tag === null) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `log key ${signer.id}`);
  return { ...body, mac: tag.toString("hex") };
}

const isActive = (row: { state: string } | undefined): boolean => row?.state === "active";

/** The one text of a proof, whatever the order of its fields was where it came from. */
function proofText(proof: Omit<Proof, "mac">): Buffer {
  const { keyId, purpose, state, clean, clusterId, nodeId, appliedIndex, timeMs } = proof;
  const counted = proof.counted.map(({ surface, count, bytes, files }) => {
    return { surface, count, bytes, files: [...files] };
  });
  const facts = { keyId, purpose, state, clean, clusterId, nodeId, appliedIndex, timeMs };
  const { filesExamined, macKeyId } = proof;
  const text = JSON.stringify({ ...facts, counted, filesExamined, macKeyId });
  return Buffer.from(domain + text, "utf8");
}

/**
 * True proof or an error. The log key that signed it must be held: a proof is good for as long as
 * that key is not retired.
 * @throws KEY_PROOF_INVALID; CRYPTO_KEY_UNKNOWN.
 */
export function verifyProof(proof: Proof, macs: MacSource): void {
  const tag = macs.hmac(proof.macKeyId as never, macKind, proofText(proof));
  if (tag === null) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `log key ${proof.macKeyId}`);
  if (!/^[0-9a-f]{64}$/.test(proof.mac) || !sameTag(tag, Buffer.from(proof.mac, "hex")))
    throw new StrongroomError("KEY_PROOF_INVALID", `key ${proof.keyId}`);
}

/** Wraps of the key on every surface that may hold one. */
function wrapSurfaces(runtime: Runtime, keyId: number): ProofCount[] {
  const { keeper, store, keystore } = runtime.deps;
  const name = keyringKey(keyId);
  const inSidecar = keeper.reread()?.keys.get(keyId)?.wraps ?? [];
  const rows = [...store.controls()].filter(
    ({ table, key }) => table === controlTables.keyring && key.equals(name),
  );
  const inRows = rows.flatMap(({ value }) => wrapsOfRow(rowValue(value)));
  const older = store.compactor.olderControls([{ table: controlTables.keyring, key: name }]);
  const held = keystore.has(keyId) ? 1 : 0;
  return [
    count("wrap in sidecar", inSidecar),
    count("wrap in control records", inRows),
    { surface: "segment with older control records", count: older.length, bytes: 0, files: [] },
    count("wrap in log entries", wrapsInLog(runtime, keyId)),
    { surface: "key in memory", count: held, bytes: 0, files: [] },
  ];
}

function count(surface: string, wraps: readonly { readonly bytes: Uint8Array }[]): ProofCount {
  const bytes = wraps.reduce((sum, wrap) => sum + wrap.bytes.length, 0);
  return { surface, count: wraps.length, bytes, files: [] };
}

function wrapsInLog({ deps: { log } }: Runtime, keyId: number): { bytes: Uint8Array }[] {
  const found: { bytes: Uint8Array }[] = [];
  for (const { entry } of log.read(log.first)) {
    if (entryHeaderIn(entry)?.keyId !== 0) continue;
    const code = entry[entryHeaderBytes];
    const payload = entry.subarray(entryHeaderBytes + 1);
    if (code === controlOpcodes.bootstrap) {
      const { storage, log: ofLog, index } = decodeBootstrap(payload);
      for (const key of [storage, ofLog, index]) if (key.keyId === keyId) found.push(...key.wraps);
    } else if (code === controlOpcodes.keyChange) {
      const body = splitTrailer(payload)?.body;
      const change = body === undefined ? null : readChange(body);
      if (change !== null && "wraps" in change && change.keyId === keyId)
        found.push(...change.wraps);
    }
  }
  return found.map(({ bytes }) => ({ bytes: Uint8Array.from(bytes) }));
}

/** Null for what is no change of the keyring: the applier refused it too. */
function readChange(body: Buffer): ReturnType<typeof decodeKeyChange> | null {
  try {
    return decodeKeyChange(body);
  } catch {
    return null;
  }
}
