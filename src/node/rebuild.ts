/**
 * A sidecar's content from what else there is: the store's control records name every key with its
 * wraps in clear; the KEKs open those; with the keys the store is opened and every MAC verified,
 * and only then is a file written (open.ts). Before the first flush the log's first entry has the
 * same.
 *
 * Hazard: the epochs that the lost file counted. They are taken from the writer registry, which has
 * every load that ever sealed anything (a registration is applied before anything is sealed under
 * it), plus a jump for loads that were planned and never registered. Were one met twice all the
 * same, no nonce would be: each load and each segment draws a salt of its own, so a subkey of its
 * own (docs/formats/sidecar.md).
 * @module
 */
import type { GroupId } from "../base/brand.ts";
import { equalBytes } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import { handOver, type Kek, unwrapAll, wrappedKeys } from "../control/deks.ts";
import type { SidecarDocument, SidecarKey } from "../control/document.ts";
import { epochMax, identityOf } from "../control/planning.ts";
import { judgeRebuild } from "../control/reconcile.ts";
import { fromRecords } from "../control/restore.ts";
import { controlRows } from "../control/rowtext.ts";
import { documentOf } from "../control/sidecar.ts";
import type { Keystore } from "../crypto/keystore.ts";
import { type Bootstrap, controlOpcodes, decodeBootstrap } from "../entry/control.ts";
import { decodeKeyChange } from "../entry/keychange.ts";
import { entryHeaderBytes } from "../entry/logentry.ts";
import { openSegmentLog, type SegmentLog } from "../log/segments/open.ts";
import { clusterOfLog } from "../log/segments/salvage.ts";
import type { Primitives } from "../platform/primitives.ts";
import { systemScheduler } from "../platform/scheduler.ts";
import { salvageControls } from "../store/segments/salvage.ts";
import { folders } from "./folders.ts";
import { type KekWaiting, waitForKek } from "./kekwait.ts";
import { readLocalRows } from "./localrows.ts";

/** Loads that may have been planned and never registered: starts that failed in a row. */
const epochJump = 16;
const group = 0 as GroupId;
const noLog = { first: 1, last: 0 } as const;

export interface RebuildInput {
  readonly disk: Disk;
  readonly dataDir: string;
  readonly primitives: Primitives;
  readonly keks: readonly Kek[];
  readonly waiting?: KekWaiting | undefined;
  readonly encryption: "on" | "off";
  /** As configured, and as an authentic but older sidecar says. */
  readonly nodeId: string | null;
  readonly formerNodeId: string | null;
}

/**
 * The document, its keys in the keystore. Nothing is written, and nothing of it is verified but
 * that the KEKs open the wraps: open the store with it, and reconcile.
 * @throws SIDECAR_MISSING, NODE_ID_UNKNOWN, NODE_ID_CHANGED, CONTROL_RECORDS_DAMAGED, STORE_*,
 * FILE_*, FORMAT_*, LOG_*, KEK_*, KEY_WRAP_DAMAGED, ENCRYPTION_*.
 */
export async function rebuildDocument(
  input: RebuildInput,
  keystore: Keystore,
): Promise<SidecarDocument> {
  const document = plan(input);
  if (document.clear !== null)
    keystore.add(document.clear.keyId, "index", Buffer.from(document.clear.raw));
  if (document.keys.size === 0) return document;
  const keys = wrappedKeys(document.keys);
  const open = () => unwrapAll(keys, document.cluster, input.keks);
  handOver(await waitForKek(open, input.waiting), keystore);
  return document;
}

function plan(input: RebuildInput): SidecarDocument {
  const { disk, dataDir, primitives, encryption } = input;
  const sha256 = (data: Uint8Array): Buffer => primitives.sha256(data);
  const salvaged = salvageControls(disk, `${dataDir}/${folders.store}`);
  const rows = controlRows(salvaged?.controls ?? []);
  const state = fromRecords(rows, { sha256, group });
  if (salvaged !== null && state.cluster !== null && !equalBytes(state.cluster, salvaged.cluster))
    throw new StrongroomError("STORE_FOREIGN", "its control records are of another cluster");
  const local = readLocalRows(salvaged?.controls ?? []);
  const log = state.bootstrapped ? noLog : (openedLog(input) ?? noLog);
  if (judgeRebuild(state, log, encryption) === "log") return fromLog(input, local.nodeId);
  const wrote = (full: bigint): boolean =>
    [...state.writers.values()].some(({ fullNodeId }) => fullNodeId === full);
  const nodeId = nodeIdFor(input, local.nodeId, wrote);
  const { node16 } = identityOf(nodeId);
  const epochs = (keyId: number): number => beyond(state.writer(keyId, node16)?.lastSeen ?? 0);
  const document = documentOf(state, nodeId, epochs);
  if (document === null) throw new StrongroomError("SIDECAR_MISSING");
  return document;
}

/** A later epoch than any that was planned; 0 for a key that this node never wrote under. */
function beyond(lastSeen: number): number {
  if (lastSeen === 0) return 0;
  return Math.max(lastSeen, Math.min(lastSeen + epochJump, epochMax - epochJump));
}

/**
 * The store says whose it is. One that is older than that row: what is configured, or what was
 * served last, if such a node has written here.
 */
function nodeIdFor(
  { nodeId, formerNodeId, disk, dataDir }: RebuildInput,
  stored: string | null,
  wrote: (fullNodeId: bigint) => boolean,
): string {
  const known = stored ?? formerNodeId;
  if (known !== null && nodeId !== null && known !== nodeId)
    throw new StrongroomError("NODE_ID_CHANGED", `made by ${known}`);
  const id = known ?? nodeId ?? servedLast(disk, dataDir);
  if (id === null) throw new StrongroomError("NODE_ID_UNKNOWN");
  if (wrote(identityOf(id).fullNodeId)) return id;
  if (known === null && nodeId === null) throw new StrongroomError("NODE_ID_UNKNOWN");
  throw new StrongroomError("NODE_ID_CHANGED", `no node ${id} has written here`);
}

/** The id in the run file that a serving node leaves; nothing relies on it alone. */
function servedLast(disk: Disk, dataDir: string): string | null {
  const path = `${dataDir}/${folders.run}/node.json`;
  if (disk.status(path)?.kind !== "file") return null;
  try {
    const { nodeId } = JSON.parse(disk.readFile(path).toString("utf8")) as { nodeId?: unknown };
    return typeof nodeId === "string" && /^[\x20-\x7e]{1,255}$/.test(nodeId) ? nodeId : null;
  } catch {
    return null;
  }
}

/** Only read: nothing is changed before it is started. */
function openedLog({ disk, dataDir }: RebuildInput): SegmentLog | null {
  const directory = `${dataDir}/${folders.log}`;
  const cluster = clusterOfLog(disk, directory);
  if (cluster === null) return null;
  return openSegmentLog({ disk, directory, cluster, group, scheduler: systemScheduler });
}

/** Nothing is in the store yet: the first entry made the keys, and the log is replayed whole. */
function fromLog(input: RebuildInput, stored: string | null): SidecarDocument {
  const log = openedLog(input);
  const first = log === null ? undefined : [...log.read(log.first, log.first)][0];
  if (first === undefined) throw new StrongroomError("SIDECAR_MISSING");
  const code = first.entry[entryHeaderBytes];
  const body = first.entry.subarray(entryHeaderBytes + 1);
  const none = { appliedIndex: 0, storageCutover: 0, logCutover: 0 };
  if (code === controlOpcodes.bootstrap) {
    const bootstrap = decodeBootstrap(body);
    const { registrations } = bootstrap;
    const cluster = Buffer.from(bootstrap.cluster);
    const wrote = (full: bigint) => registrations.some(({ fullNodeId }) => fullNodeId === full);
    const nodeId = nodeIdFor(input, stored, wrote);
    return { nodeId, cluster, ...none, keys: keysOf(bootstrap), clear: null };
  }
  const change = code === controlOpcodes.keyChange ? decodeKeyChange(body) : null;
  if (change?.kind !== "clear-index-key") throw new StrongroomError("SIDECAR_MISSING");
  const { cluster, keyId, raw, registration } = change;
  const nodeId = nodeIdFor(input, stored, (full) => registration.fullNodeId === full);
  const clear = { keyId, raw: Buffer.from(raw), localEpoch: beyond(registration.epoch) };
  return { nodeId, cluster: Buffer.from(cluster), ...none, keys: new Map(), clear };
}

function keysOf(bootstrap: Bootstrap): Map<number, SidecarKey> {
  const keys = new Map<number, SidecarKey>();
  for (const purpose of ["storage", "log", "index"] as const) {
    const { keyId, wraps } = bootstrap[purpose];
    const registered = bootstrap.registrations.find(({ dek }) => dek === keyId);
    const localEpoch = beyond(registered?.epoch ?? 0);
    keys.set(keyId, { purpose, wraps, created: 0, localEpoch, state: "active" });
  }
  return keys;
}
