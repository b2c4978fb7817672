/**
 * `azure:https://NAME.vault.azure.net/keys/KEY?…`: the name of a key in Azure Key Vault or in a
 * Managed HSM. Hazard: the name of a version: after a rotation new wraps would still be made by the
 * old one, so only the name of the key is taken. docs/operations/kek-azure.md.
 * @module
 */
import { checkParameters, endpointIn, fileIn, type Refuse, refuserOf } from "../parameters.ts";

export interface AzureSpec {
  /** `https://NAME.vault.azure.net`: the vault as the service and its tokens know it. */
  readonly vaultUrl: string;
  readonly key: string;
  /** Another address, https, that requests are sent to; null: that of the vault. */
  readonly endpoint: string | null;
  /** Authorities to trust, a PEM file; null: the system's. */
  readonly caFile: string | null;
  /** Stands beside the wraps: `azure:NAME.vault.azure.net/keys/KEY`. */
  readonly id: string;
}

const hostForm = /^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9-]{1,40}){2,5}$/;
const pathForm = /^\/keys\/([0-9A-Za-z-]{1,127})$/;
const parameters: readonly string[] = ["ca", "endpoint"];

const refuse: Refuse = refuserOf("azure");

/** @throws KEK_SPEC_INVALID, which says what is wrong and repeats nothing of the spec. */
export function parseAzureSpec(text: string): AzureSpec {
  const url = URL.canParse(text) ? new URL(text) : refuse("needs the URL of a key");
  const { host, pathname, searchParams: query } = url;
  if (url.username !== "" || url.password !== "") refuse("a URL with credentials is not taken");
  if (url.hash !== "") refuse("a URL with a fragment is not taken");
  if (url.protocol !== "https:" || !hostForm.test(host) || /^[\d.]+$/.test(host))
    refuse("needs https://NAME.vault.azure.net or https://NAME.managedhsm.azure.net");
  const key = pathForm.exec(pathname)?.[1];
  if (key === undefined) refuse("the path must be /keys/KEY, without a version");
  checkParameters(query, parameters, refuse);
  const endpoint = endpointIn(query, refuse);
  // Its client sends tokens over https alone.
  if (endpoint?.protocol === "http:") refuse("endpoint must be https");
  const id = `azure:${host}/keys/${key}`;
  if (id.length > 240) refuse("the name is too long");
  return {
    vaultUrl: url.origin,
    key,
    endpoint: endpoint?.origin ?? null,
    caFile: fileIn(query, "ca", refuse),
    id,
  };
}
