/**
 * The first half of a start: lock, sidecar, KEKs, keys. Nothing of the data is changed here but a
 * new directory's lock and sidecar; every refusal is one typed error. `verify` begins here, too.
 * @module
 */
import { dirname, resolve } from "node:path";
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Disk, FileLock, Random } from "../base/ports.ts";
import { handOver, type Kek, type RawDek, unwrapAll, wrappedKeys } from "../control/deks.ts";
import type { SidecarDocument } from "../control/document.ts";
import { judgeStart, probeDirectorySync } from "../control/guards.ts";
import { readSidecar, SidecarKeeper, sidecarFolder } from "../control/keeper.ts";
import { type MacSource, macSource } from "../control/macs.ts";
import { type FirstKeys, planClearStart, planFirstKeys } from "../control/planning.ts";
import { judgeCluster } from "../control/reconcile.ts";
import { verifySidecar } from "../control/sidecar.ts";
import { Keystore } from "../crypto/keystore.ts";
import { clusterOfLog } from "../log/segments/salvage.ts";
import type { Primitives } from "../platform/primitives.ts";
import { clusterOfStore } from "../store/segments/salvage.ts";
import type { NodeOptions } from "./api.ts";
import { folders, foreignNames, knownNames } from "./folders.ts";
import { type KekWaiting, waitForKek } from "./kekwait.ts";
import { rebuildDocument } from "./rebuild.ts";

export interface FoundationDeps {
  readonly disk: Disk;
  readonly random: Random;
  readonly primitives: Primitives;
  readonly keks: readonly Kek[];
  /** Why a KEK that was configured could not be opened. */
  readonly broken?: StrongroomError | null;
  /** Without it a KEK that cannot be reached is told at once, as `verify` does. */
  readonly waiting?: KekWaiting;
  /** Only read, maybe where nothing can be written: somebody made a start here before. */
  readonly reading?: boolean;
}

export interface Foundation {
  readonly document: SidecarDocument;
  readonly keeper: SidecarKeeper;
  readonly keystore: Keystore;
  readonly macs: MacSource;
  /** True if this is the first start on the directory. */
  readonly first: boolean;
  /** The document was rebuilt, and is on disk only once it was compared with store and log. */
  readonly rebuilt: boolean;
}

/** The sidecar is lost, or not to be believed: it is passed over. */
export interface Rebuild {
  /** Of an authentic but older sidecar. */
  readonly formerNodeId: string | null;
}

/** The lock of a data directory, held. */
export interface DirectoryLock {
  release(): void;
  /** After a refusal: what was made for the lock goes with it, unless anything else was made. */
  undo(): void;
}

/** So often refused starts may take the directory away while its lock is being made. */
const goneMax = 16;

/** Takes the lock of a data directory, making the directory if there is none. */
export function lockDirectory(disk: Disk, dataDir: string): DirectoryLock {
  const made: string[] = [];
  for (let path = resolve(dataDir); disk.status(path) === null; path = dirname(path))
    made.push(path);
  const lock = makeLock(disk, dataDir);
  if (lock === null) throw new StrongroomError("DATA_DIR_IN_USE");
  return {
    release: () => lock.release(),
    undo() {
      try {
        const others = knownNames.filter((name) => name !== folders.lock);
        if (!lock.made || disk.list(dataDir).some((name) => others.includes(name))) return;
        lock.remove();
        for (const path of made) disk.removeDirectory(path);
      } finally {
        lock.release();
      }
    },
  };
}

function makeLock(disk: Disk, dataDir: string): FileLock | null {
  for (let gone = 0; ; gone++) {
    if (disk.status(dataDir) === null) disk.makeDirectory(dataDir);
    try {
      return disk.lock(`${dataDir}/${folders.lock}`);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT" || gone === goneMax) throw error;
    }
  }
}

/** Finds or makes the keys of a data directory. @throws the guard that refuses the start. */
export async function layFoundation(
  options: NodeOptions,
  deps: FoundationDeps,
  rebuild: Rebuild | null = null,
): Promise<Foundation> {
  const { disk, primitives, keks } = deps;
  const { dataDir, encryption } = options;
  const { reading = false } = deps;
  if (!reading) probeDirectorySync(disk, dataDir);
  const filled = (name: string): boolean => disk.list(`${dataDir}/${name}`).length > 0;
  const plan = judgeStart({
    locked: true,
    foreignNames: foreignNames(disk, dataDir),
    dataPresent: filled(folders.log) || filled(folders.store),
    sidecar: rebuild === null ? readSidecar(disk, dataDir) : null,
    encryption,
    keks: keks.length,
    nodeId: options.nodeId ?? null,
  });
  const keystore = new Keystore(primitives);
  const macs = macSource(keystore, primitives);
  try {
    if (plan.kind === "rebuild") {
      const { waiting } = deps;
      const nodeId = options.nodeId ?? null;
      const formerNodeId = rebuild?.formerNodeId ?? null;
      const input = { disk, dataDir, primitives, keks, waiting, encryption, nodeId, formerNodeId };
      const document = await rebuildDocument(input, keystore);
      const keeper = new SidecarKeeper(disk, dataDir, macs, document);
      return { document, keeper, keystore, macs, first: false, rebuilt: true };
    }
    if (plan.kind === "open") {
      const { document } = plan.sidecar;
      judgeCluster(document, clusterOfStore(disk, `${dataDir}/${folders.store}`));
      judgeCluster(document, clusterOfLog(disk, `${dataDir}/${folders.log}`));
      await unwrapInto(keystore, document, deps);
      const keeper = new SidecarKeeper(disk, dataDir, macs, verifySidecar(plan.sidecar, macs));
      return { document, keeper, keystore, macs, first: false, rebuilt: false };
    }
    assert(!reading, "a first start is no reading");
    const document = await makeKeys(options, deps, keystore);
    const keeper = new SidecarKeeper(disk, dataDir, macs, null);
    if (disk.status(`${dataDir}/${sidecarFolder}`) === null)
      disk.makeDirectory(`${dataDir}/${sidecarFolder}`);
    await keeper.write(document);
    return { document, keeper, keystore, macs, first: true, rebuilt: false };
  } catch (error) {
    keystore.close();
    throw error;
  }
}

async function makeKeys(
  options: NodeOptions,
  { random, keks, waiting, broken = null }: FoundationDeps,
  keystore: Keystore,
): Promise<SidecarDocument> {
  const nodeId = options.nodeId ?? `node-${random.bytes(8).toString("hex")}`;
  if (options.encryption === "off") {
    const document = planClearStart(random, nodeId);
    if (document.clear !== null)
      keystore.add(document.clear.keyId, "index", Buffer.from(document.clear.raw));
    return document;
  }
  // New keys are wrapped by every KEK: one that does not work would be missed when it is needed.
  if (broken !== null) throw broken;
  const plan = (): Promise<FirstKeys> => planFirstKeys({ random, keks, nodeId });
  const { document, deks } = await waitForKek(plan, waiting);
  handOver(deks, keystore);
  return document;
}

async function unwrapInto(
  keystore: Keystore,
  document: SidecarDocument,
  { keks, waiting }: FoundationDeps,
): Promise<void> {
  if (document.clear !== null)
    keystore.add(document.clear.keyId, "index", Buffer.from(document.clear.raw));
  if (document.keys.size === 0) return;
  const keys = wrappedKeys(document.keys);
  const open = (): Promise<RawDek[]> => unwrapAll(keys, document.cluster, keks);
  handOver(await waitForKek(open, waiting), keystore);
}
