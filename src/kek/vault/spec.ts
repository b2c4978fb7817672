/**
 * `vault:https://HOST:PORT/MOUNT/KEY?…` and `openbao:…`: the name of a Transit key. The last part
 * of the path is the key, what is before it the mount. No secret stands in it.
 * docs/operations/keks.md.
 * @module
 */
import { checkParameters, fileIn, isGuarded, type Refuse, refuserOf } from "../parameters.ts";

export type VaultAuth = "token" | "approle" | "kubernetes" | "jwt";

export interface VaultSpec {
  /** `vault` or `openbao`: they differ in the names of variables alone. */
  readonly provider: string;
  /** Origin of the service. */
  readonly origin: string;
  readonly mount: string;
  readonly key: string;
  /** Version of the key that wraps; null: the latest. */
  readonly version: number | null;
  readonly namespace: string | null;
  /** PEM file of the authorities to trust. */
  readonly caFile: string | null;
  readonly auth: VaultAuth;
  readonly authMount: string;
  /** Role id of AppRole, or role name. */
  readonly role: string | null;
  readonly tokenFile: string | null;
  readonly secretIdFile: string | null;
  readonly jwtFile: string | null;
  /** Stands beside the wraps: `transit:HOST:PORT/[NAMESPACE/]MOUNT/KEY`. */
  readonly id: string;
}

const auths: readonly VaultAuth[] = ["token", "approle", "kubernetes", "jwt"];
const parameters: readonly string[] = [
  ...["namespace", "ca", "version", "auth", "auth-mount", "role"],
  ...["token-file", "secret-id-file", "jwt-file", "id"],
];
/** Path segments as the service takes them: no escape, no dot segment. */
const segment = /^(?!\.\.?$)[\w.-]{1,128}$/;

/** @throws KEK_SPEC_INVALID, which says what is wrong and repeats nothing of the spec. */
export function parseVaultSpec(provider: string, text: string): VaultSpec {
  const refuse: Refuse = refuserOf(provider);
  const url = URL.canParse(text) ? new URL(text) : refuse("needs a URL");
  const { pathname, searchParams: query } = url;
  if (url.username !== "" || url.password !== "") refuse("a URL with credentials is not taken");
  if (url.hash !== "") refuse("a URL with a fragment is not taken");
  if (!isGuarded(url)) refuse("needs https, or http on the loopback");
  checkParameters(query, parameters, refuse);
  const path = pathname.split("/").slice(1);
  if (path.length < 2 || !path.every((part) => segment.test(part)))
    refuse("the path must be /MOUNT/KEY");
  const [mount, key] = [path.slice(0, -1).join("/"), path.at(-1) as string];
  const auth = auths.find((name) => name === (query.get("auth") ?? "token"));
  if (auth === undefined) refuse(`auth is one of ${auths.join(", ")}`);
  const namespace = pathOf(query, "namespace", refuse);
  const place = [url.host, ...(namespace === null ? [] : [namespace]), mount, key].join("/");
  return {
    ...{ provider, origin: url.origin, mount, key, namespace, auth },
    version: versionOf(query, refuse),
    caFile: fileIn(query, "ca", refuse),
    authMount: pathOf(query, "auth-mount", refuse) ?? auth,
    role: query.get("role"),
    tokenFile: fileIn(query, "token-file", refuse),
    secretIdFile: fileIn(query, "secret-id-file", refuse),
    jwtFile: fileIn(query, "jwt-file", refuse),
    id: idOf(query, refuse) ?? `transit:${place}`,
  };
}

function pathOf(query: URLSearchParams, name: string, refuse: Refuse): string | null {
  const path = query.get(name);
  if (path === null) return null;
  const parts = path.replace(/^\/|\/$/g, "").split("/");
  return parts.every((part) => segment.test(part)) ? parts.join("/") : refuse(`bad ${name}`);
}

function versionOf(query: URLSearchParams, refuse: Refuse): number | null {
  const text = query.get("version");
  if (text === null) return null;
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : refuse("version is a number from 1");
}

/** As it stood beside wraps while the service had another address. */
function idOf(query: URLSearchParams, refuse: Refuse): string | null {
  const id = query.get("id");
  if (id === null) return null;
  return /^transit:[\x21-\x7e]{1,240}$/.test(id) ? id : refuse("id begins with transit:");
}
