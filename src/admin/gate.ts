/**
 * What must be so before keys are changed. A change that could not be kept, or not be opened again
 * after a restart, is refused before anything is proposed, with the one condition that is missing.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import type { KeyOperations } from "../node/operations.ts";

/** `keys`: needs keys that exist. `first`: leads from clear to sealed, so it may come before. */
export type GateKind = "keys" | "first";

/** Rejects with what makes the sidecar's directory unusable. */
export type SidecarProbe = () => Promise<void>;

const probeBytes = 4096;

/**
 * A probe that writes as much as a sidecar may take beside it, makes it durable, and removes it.
 * @param directory - Of the sidecar.
 */
export function sidecarProbe(disk: Disk, directory: string): SidecarProbe {
  const path = `${directory}/probe`;
  let turn = Promise.resolve();
  const probe = async (): Promise<void> => {
    await disk.replaceFileAsync(path, Buffer.alloc(probeBytes));
    disk.unlink(path);
  };
  return () => {
    const probed = turn.then(probe);
    turn = probed.catch(() => {});
    return probed;
  };
}

/**
 * @throws ADMIN_GATE_KEK_MISSING, ADMIN_GATE_ENCRYPTION_OFF, ADMIN_GATE_SIDECAR_UNUSABLE: the first
 *   condition that is not met, in this order.
 */
export async function passGate(
  operations: Pick<KeyOperations, "capability" | "keyring">,
  probe: SidecarProbe,
  kind: GateKind,
): Promise<void> {
  if (!operations.capability().kekConfigured) throw new StrongroomError("ADMIN_GATE_KEK_MISSING");
  if (kind === "keys" && !operations.keyring().bootstrapped)
    throw new StrongroomError("ADMIN_GATE_ENCRYPTION_OFF");
  try {
    await probe();
  } catch (cause) {
    const detail = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new StrongroomError("ADMIN_GATE_SIDECAR_UNUSABLE", detail, { cause });
  }
}
