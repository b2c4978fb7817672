/**
 * Opens a data directory for `verify`: sidecar, KEKs and keys as a start does, then store and log.
 * Nothing is written. The caller holds the directory's lock.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Disk, Random } from "../../base/ports.ts";
import { readSidecar } from "../../control/keeper.ts";
import { folders } from "../../node/folders.ts";
import { layFoundation } from "../../node/foundation.ts";
import { openKeks } from "../../node/keks.ts";
import { StoragePort } from "../../node/keyport.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { Findings, type VerifyResult } from "./findings.ts";
import { verifyLog } from "./log.ts";
import { verifyStore } from "./store.ts";

export interface VerifyDeps {
  readonly disk: Disk;
  readonly random: Random;
  readonly primitives: Primitives;
}

const group = 0;

/** What `layFoundation` asks for besides the KEKs; it makes nothing where a sidecar is. */
const unused = { keks: [], cacheBytes: 0, compress: false, valueBytesMax: 0 } as const;

/**
 * @throws SIDECAR_*, KEK_*: what keeps the directory from being opened at all.
 */
export async function verifyDirectory(
  deps: VerifyDeps,
  dataDir: string,
  specs: readonly string[],
): Promise<VerifyResult> {
  const { disk, primitives } = deps;
  const findings = new Findings(dataDir);
  const sidecar = readSidecar(disk, dataDir);
  const store = `${dataDir}/${folders.store}`;
  const log = `${dataDir}/${folders.log}`;
  if (sidecar === null) {
    if (disk.list(store).length + disk.list(log).length === 0) return findings;
    throw new StrongroomError("SIDECAR_MISSING");
  }
  const { document } = sidecar;
  const encryption = document.clear === null ? "on" : "off";
  const opened = await openKeks(specs);
  try {
    const options = { ...unused, dataDir, encryption } as const;
    const { keystore, macs } = await layFoundation(options, { ...deps, keks: opened.keks });
    const place = { cluster: document.cluster, group };
    const keys = new StoragePort(keystore, group, 0);
    const requireSealed = false;
    const input = { disk, place, primitives };
    const loads = verifyStore({ ...input, directory: store, keys, requireSealed }, findings);
    verifyLog({ ...input, directory: log, keystore, macs, loads }, findings);
    keystore.close();
  } finally {
    opened.close();
  }
  findings.count("keys", document.keys.size);
  return findings;
}
