/**
 * Opens a KEK by name: see spec.ts for the schemes. One in a service is not asked when it is
 * opened, since another may do its work, and what it needs is loaded only if a name says so.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { type KekDeps, systemDeps } from "./deps.ts";
import { readKekVariable } from "./env.ts";
import { readKekFile } from "./file.ts";
import { LocalKek } from "./local.ts";
import type { KekProvider } from "./provider.ts";
import { kekForms, splitSpec } from "./spec.ts";

export type { KekDeps } from "./deps.ts";

/** Opens the KEK that `rest` names, without asking its service. @throws KEK_SPEC_INVALID. */
type OpenRemote = (rest: string, scheme: string, deps: KekDeps) => KekProvider;

/** What opens each scheme that is no local key, loaded when it is needed. */
const remotes: Readonly<Record<string, () => Promise<OpenRemote>>> = {
  vault: async () => (await import("./vault/open.ts")).openVault,
  openbao: async () => (await import("./vault/open.ts")).openVault,
  pkcs11: async () => (await import("./pkcs11/open.ts")).openPkcs11,
  aws: async () => (await import("./aws/open.ts")).openAws,
  gcp: async () => (await import("./gcp/open.ts")).openGcp,
  azure: async () => (await import("./azure/open.ts")).openAzure,
};

/**
 * @throws KEK_SPEC_INVALID; KEK_MISSING, KEK_PERMISSIONS, KEK_SIZE, KEK_UNAVAILABLE of local keys.
 */
export async function openKek(spec: string, deps: KekDeps = systemDeps()): Promise<KekProvider> {
  const { scheme, rest } = splitSpec(spec);
  const remote = Object.hasOwn(remotes, scheme) ? remotes[scheme] : undefined;
  if (remote !== undefined) return (await remote())(rest, scheme, deps);
  const key = readKey(scheme, rest, deps);
  try {
    return new LocalKek(key, deps.primitives, deps.random, scheme);
  } finally {
    key.fill(0);
  }
}

function readKey(scheme: string, rest: string, deps: KekDeps): Buffer {
  if (scheme === "file" && rest !== "" && !rest.includes("\0")) return readKekFile(rest);
  if (scheme === "env" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest))
    return readKekVariable(rest, deps.environment);
  // Not the spec itself: somebody may have typed a key where its name belongs.
  throw new StrongroomError("KEK_SPEC_INVALID", `none of ${kekForms}`);
}
