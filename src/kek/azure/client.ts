/**
 * The Azure clients of one key: loaded when first needed, made to try nothing again by themselves,
 * to follow no redirect, and to take no answer that is not of Key Vault. Every operation is the
 * service's: given the public key, the SDK would do some of them itself, and refuse an expired key
 * that the service still lets unwrap. Azure Key Vault REST API, Keys.
 * @module
 */
import type { DefaultAzureCredential } from "@azure/identity";
import type { CryptographyClient, KeyClient, KeyClientOptions } from "@azure/keyvault-keys";
import { StrongroomError } from "../../base/errors.ts";
import type { KekDeps } from "../deps.ts";
import { loadPeer } from "../remote.ts";
import { readSecretText, readVariable, takeVariable } from "../secrets.ts";
import type { AzureSpec } from "./spec.ts";

const peers = {
  keys: { name: "@azure/keyvault-keys", version: "4.10.2" },
  identity: { name: "@azure/identity", version: "4.14.1" },
} as const;

/** Versions whose clients are kept; a damaged wrap may name any. */
const clientsMax = 16;

type Policy = NonNullable<KeyClientOptions["additionalPolicies"]>[number]["policy"];
type Identity = typeof import("@azure/identity");
type Credential = Pick<DefaultAzureCredential, "getToken">;

export interface AzureClients {
  /** To look at the key. */
  readonly keys: KeyClient;
  /** To work with one version of it. */
  version(version: string): CryptographyClient;
}

/** @throws KEK_DRIVER_MISSING; KEK_CREDENTIALS of an unreadable `ca`. */
export async function loadAzure(spec: AzureSpec, deps: KekDeps): Promise<AzureClients> {
  const { keys, identity } = peers;
  const sdk = await loadPeer(keys.name, keys.version, () => import("@azure/keyvault-keys"));
  const ids = await loadPeer(identity.name, identity.version, () => import("@azure/identity"));
  const ca = spec.caFile === null ? null : readSecretText(spec.caFile, { shared: true });
  const transport = {
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    ...(ca === null ? {} : { tlsOptions: { ca } }),
  };
  const credential = credentialOf(ids, transport, deps);
  const options: KeyClientOptions = {
    ...transport,
    additionalPolicies: [{ policy: lastPolicy(spec), position: "perRetry" }],
  };
  const made = new Map<string, CryptographyClient>();
  return {
    keys: new sdk.KeyClient(spec.vaultUrl, credential, options),
    version(version) {
      const known = made.get(version);
      if (known !== undefined) return known;
      if (made.size >= clientsMax) made.clear();
      const name = { name: spec.key, vaultUrl: spec.vaultUrl, version };
      // Without key material there is nothing that the SDK could do by itself.
      const id = `${spec.vaultUrl}/keys/${spec.key}/${version}`;
      const key = { id, name: spec.key, properties: name };
      const client = new sdk.CryptographyClient(key, credential, options);
      made.set(version, client);
      return client;
    },
  };
}

/** The secret of a service principal leaves the environment; else the SDK's default chain. */
function credentialOf(ids: Identity, transport: object, deps: KekDeps): Credential {
  const { environment } = deps;
  const [tenant, client, authorityHost] = [
    readVariable(environment, ["AZURE_TENANT_ID"]),
    readVariable(environment, ["AZURE_CLIENT_ID"]),
    readVariable(environment, ["AZURE_AUTHORITY_HOST"]),
  ];
  const secret = takeVariable(environment, ["AZURE_CLIENT_SECRET"]);
  // An authority that the operator names is not asked for at Microsoft's.
  const authority = authorityHost === null ? {} : { authorityHost, disableInstanceDiscovery: true };
  const options = { ...transport, ...authority };
  if (tenant !== null && client !== null && secret !== null)
    return new ids.ClientSecretCredential(tenant, client, secret, options);
  return new ids.DefaultAzureCredential(options);
}

/** Runs last before the wire, after the token was bound to the vault's own name. */
function lastPolicy({ vaultUrl, endpoint }: AzureSpec): Policy {
  return {
    name: "strongroomLastPolicy",
    async sendRequest(request, next) {
      const { url } = request;
      if (endpoint !== null) request.url = endpoint + url.slice(vaultUrl.length);
      try {
        const response = await next(request);
        if (response.status === 200) checkAnswer(new URL(url).pathname, response.bodyAsText ?? "");
        return response;
      } finally {
        request.url = url;
      }
    },
  };
}

/** The SDK takes any text for an answer, and one without a `value` for a refused signature. */
function checkAnswer(path: string, text: string): void {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  const { value } = Object(body) as { value?: unknown };
  const verified = !path.endsWith("/verify") || typeof value === "boolean";
  if (typeof body !== "object" || body === null || !verified)
    throw new StrongroomError("KEK_REFUSED", "an answer that is not of Key Vault");
}
