/**
 * Startup guards: from what a start finds, either a plan or one typed refusal that says what is
 * wrong, what was kept and what to do. Pure; nothing has been opened or written when they judge.
 * Hazard: a guard that only warns, or two flags that decide one thing, start a node in clear over
 * sealed data. docs/operations.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import type { ReadSidecar } from "./document.ts";

export interface Found {
  /** False if another process holds the lock of the directory. */
  readonly locked: boolean;
  /** Names in the directory that this program does not know. */
  readonly foreignNames: readonly string[];
  /** True if any file of log or store exists. */
  readonly dataPresent: boolean;
  readonly sidecar: ReadSidecar | null;
  readonly encryption: "on" | "off";
  readonly keks: number;
  /** As configured; null: take the one in the sidecar. */
  readonly nodeId: string | null;
}

export type StartPlan =
  /** Nothing there: plan keys (or, with encryption off, a clear index key) and begin. */
  | { readonly kind: "first" }
  /** Unwrap the sidecar's keys, verify its MAC, open, reconcile. */
  | { readonly kind: "open"; readonly sidecar: ReadSidecar }
  /** The sidecar is gone: read the control records of the store (judgeRebuild). */
  | { readonly kind: "rebuild" };

/** @throws the one refusal that applies. */
export function judgeStart(found: Found): StartPlan {
  if (!found.locked) throw new StrongroomError("DATA_DIR_IN_USE");
  const { sidecar } = found;
  if (sidecar === null) {
    const foreign = found.foreignNames[0];
    if (foreign !== undefined && !found.dataPresent)
      throw new StrongroomError("DATA_DIR_FOREIGN", `${found.foreignNames.length} unknown names`);
    needKek(found, found.encryption === "on");
    return { kind: found.dataPresent ? "rebuild" : "first" };
  }
  const { document } = sidecar;
  if (found.nodeId !== null && found.nodeId !== document.nodeId)
    throw new StrongroomError("NODE_ID_CHANGED", `made by ${document.nodeId}`);
  judgeEncryption(found, document.clear !== null, document.storageCutover + document.logCutover);
  needKek(found, document.keys.size > 0);
  return { kind: "open", sidecar };
}

/** A keyring with an envelope on, or one that is about to switch them on, is sealed. */
function judgeEncryption(found: Found, clear: boolean, cutovers: number): void {
  if (found.encryption === "on" && clear) throw new StrongroomError("ENCRYPTION_ON_OVER_CLEAR");
  if (found.encryption === "off" && cutovers > 0)
    throw new StrongroomError("ENCRYPTION_OFF_OVER_SEALED");
  const pending = found.sidecar !== null && found.sidecar.document.appliedIndex === 0;
  if (found.encryption === "off" && !clear && pending)
    throw new StrongroomError("ENCRYPTION_OFF_OVER_SEALED", "its first start was not finished");
}

function needKek(found: Found, needed: boolean): void {
  if (needed && found.keks === 0) throw new StrongroomError("KEK_NOT_CONFIGURED");
}

/** What a system call says that cannot sync directories here. */
const unsupported = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF", "EPERM"]);

/** @throws DIRECTORY_FSYNC_UNSUPPORTED; any other failure as it is. */
export function probeDirectorySync(disk: Disk, directory: string): void {
  try {
    disk.syncDirectory(directory);
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (!unsupported.has(code)) throw error;
    throw new StrongroomError("DIRECTORY_FSYNC_UNSUPPORTED", code, { cause: error });
  }
}
