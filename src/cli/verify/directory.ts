/**
 * Opens a data directory for `verify`: sidecar, KEKs and keys as a start does, then store and log,
 * and whether the three are of one history. Nothing is written. The caller holds the directory's
 * lock.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { Disk, Random } from "../../base/ports.ts";
import type { Kek } from "../../control/deks.ts";
import { bornEncrypted } from "../../control/document.ts";
import { readSidecar } from "../../control/keeper.ts";
import type { Keystore } from "../../crypto/keystore.ts";
import { surveyLog } from "../../log/segments/survey.ts";
import { folders, holdsData } from "../../node/folders.ts";
import { type Foundation, layFoundation, type Rebuild } from "../../node/foundation.ts";
import { openKeks } from "../../node/keks.ts";
import { StoragePort } from "../../node/keyport.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { readState } from "../../store/segments/manifest.ts";
import { Findings, type VerifyResult } from "./findings.ts";
import { verifyHistory } from "./history.ts";
import { verifyLog } from "./log.ts";
import { verifyStore } from "./store.ts";

export interface VerifyDeps {
  readonly disk: Disk;
  readonly random: Random;
  readonly primitives: Primitives;
}

const group = 0;
/** What `layFoundation` asks for besides the KEKs and does not use when it only reads. */
const unused = { keks: [], cacheBytes: 0, compress: false, valueBytesMax: 0 } as const;

class DirectoryCheck {
  private readonly deps: VerifyDeps;
  private readonly dataDir: string;
  private readonly keks: readonly Kek[];
  private readonly findings: Findings;

  constructor(deps: VerifyDeps, dataDir: string, keks: readonly Kek[], findings: Findings) {
    this.deps = deps;
    this.dataDir = dataDir;
    this.keks = keks;
    this.findings = findings;
  }

  async run(): Promise<void> {
    const foundation = await this.found();
    try {
      await this.check(foundation);
    } finally {
      foundation.keystore.close();
    }
    this.findings.count("keys", foundation.document.keys.size);
  }

  /** With the sidecar or, where a start would, with what the store says in its place. */
  private async found(): Promise<Foundation> {
    const { dataDir, findings } = this;
    const sidecar = readSidecar(this.deps.disk, dataDir);
    if (sidecar === null) {
      findings.count("sidecar missing, a start rebuilds it (no damage)");
      return this.rebuilt();
    }
    const { clear, nodeId } = sidecar.document;
    const encryption = clear === null ? "on" : "off";
    const foundation = await this.lay(encryption, null);
    if (!this.isOlderThanStore(foundation)) return foundation;
    foundation.keystore.close();
    findings.count("sidecar older than the store, a start rebuilds it (no damage)");
    return this.lay(encryption, { formerNodeId: nodeId });
  }

  /** Nobody says whether the data is sealed; the store does. */
  private async rebuilt(): Promise<Foundation> {
    try {
      return await this.lay("off", null);
    } catch (error) {
      if (!isStrongroomError(error, "ENCRYPTION_OFF_OVER_SEALED")) throw error;
      return this.lay("on", null);
    }
  }

  private lay(encryption: "on" | "off", rebuild: Rebuild | null): Promise<Foundation> {
    const { deps, dataDir, keks } = this;
    const options = { ...unused, dataDir, encryption };
    return layFoundation(options, { ...deps, keks, reading: true }, rebuild);
  }

  /** True if the store is under a key that the sidecar does not name. */
  private isOlderThanStore({ document, keystore }: Foundation): boolean {
    const { disk, primitives } = this.deps;
    const { directory, keys, place } = this.source(document.cluster, keystore);
    try {
      const read = readState(primitives, keys, disk, directory, place);
      const segments = read?.state.segments ?? [];
      return segments.some(({ keyId }) => keyId !== 0 && !keystore.has(keyId));
    } catch (error) {
      // What else is wrong with the manifest is found when the store is verified.
      return isStrongroomError(error, "CRYPTO_KEY_UNKNOWN");
    }
  }

  private source(cluster: Buffer, keystore: Keystore) {
    const directory = `${this.dataDir}/${folders.store}`;
    return { directory, keys: new StoragePort(keystore, group, 0), place: { cluster, group } };
  }

  private async check(foundation: Foundation): Promise<void> {
    const { keks, findings } = this;
    const { disk, primitives } = this.deps;
    const { document, keystore, macs } = foundation;
    const source = { ...this.source(document.cluster, keystore), disk, primitives };
    const { place } = source;
    const requireSealed = bornEncrypted(document);
    const requireCutover = document.storageCutover > 0 && !requireSealed;
    const store = verifyStore({ ...source, requireSealed, requireCutover }, findings);
    const directory = `${this.dataDir}/${folders.log}`;
    const survey = findings.attempt(directory, () => surveyLog(disk, directory, place));
    if (survey === undefined) return;
    const { recovered, loads } = store;
    // First: it may learn of keys that entries of the log are sealed under.
    if (recovered !== null)
      await verifyHistory({ disk, primitives, foundation, keks, recovered, survey }, findings);
    const log = { disk, primitives, directory, place, keystore, macs, loads, survey };
    verifyLog(log, findings);
  }
}

/** @throws DATA_DIR_EMPTY, SIDECAR_*, KEK_*: what keeps it from being opened at all. */
export async function verifyDirectory(
  deps: VerifyDeps,
  dataDir: string,
  specs: readonly string[],
): Promise<VerifyResult> {
  if (!holdsData(deps.disk, dataDir)) throw new StrongroomError("DATA_DIR_EMPTY", dataDir);
  const findings = new Findings(dataDir);
  const opened = await openKeks(specs);
  try {
    await new DirectoryCheck(deps, dataDir, opened.keks, findings).run();
  } finally {
    opened.close();
  }
  return findings;
}
