/**
 * Checks a proof without the node that made it: a data directory of its cluster, in use or not, and
 * a KEK that opens it. Nothing is locked or written.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { handOver, type Kek, unwrapAll, wrappedKeys } from "../../control/deks.ts";
import { readSidecar } from "../../control/keeper.ts";
import { macSource } from "../../control/macs.ts";
import { verifySidecar } from "../../control/sidecar.ts";
import { Keystore } from "../../crypto/keystore.ts";
import type { Primitives } from "../../platform/primitives.ts";
import type { Proof } from "../operations.ts";
import { verifyProof } from "./proof.ts";

export interface ProofCheckDeps {
  readonly disk: Disk;
  readonly primitives: Primitives;
  readonly keks: readonly Kek[];
}

/** What a file must hold to be looked at as a proof. */
function isProof(value: unknown): value is Proof {
  if (typeof value !== "object" || value === null) return false;
  const proof = value as Partial<Record<keyof Proof, unknown>>;
  const counted = proof.counted;
  return (
    typeof proof.mac === "string" &&
    Number.isSafeInteger(proof.macKeyId) &&
    Array.isArray(counted) &&
    counted.every((one) => typeof one === "object" && one !== null && Array.isArray(one.files))
  );
}

/**
 * @param text - The proof as JSON.
 * @throws KEY_PROOF_INVALID; CRYPTO_KEY_UNKNOWN if the log key that signed it is retired;
 * SIDECAR_*, KEK_*.
 */
export async function checkProof(
  deps: ProofCheckDeps,
  dataDir: string,
  text: string,
): Promise<Proof> {
  const proof = parse(text);
  const read = readSidecar(deps.disk, dataDir);
  if (read === null) throw new StrongroomError("SIDECAR_MISSING");
  const { keys, cluster } = read.document;
  if (proof.clusterId !== cluster.toString("hex"))
    throw new StrongroomError("KEY_PROOF_INVALID", "it is of another cluster");
  const keystore = new Keystore(deps.primitives);
  try {
    handOver(await unwrapAll(wrappedKeys(keys), cluster, deps.keks), keystore);
    const macs = macSource(keystore, deps.primitives);
    verifySidecar(read, macs);
    verifyProof(proof, macs);
    return proof;
  } finally {
    keystore.close();
  }
}

function parse(text: string): Proof {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StrongroomError("KEY_PROOF_INVALID", "no JSON");
  }
  if (!isProof(value)) throw new StrongroomError("KEY_PROOF_INVALID", "not the form of a proof");
  return value;
}
