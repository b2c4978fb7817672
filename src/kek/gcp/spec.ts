/**
 * `gcp:projects/P/locations/L/keyRings/R/cryptoKeys/K?…`: the name of a symmetric key in Google
 * Cloud KMS. Hazard: the name of a version: a wrap that another version made would not open, so
 * only the name of the key is taken. docs/operations/kek-gcp.md.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";

export interface GcpEndpoint {
  readonly protocol: "http" | "https";
  readonly hostname: string;
  readonly port: number;
}

export interface GcpSpec {
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly name: string;
  /** Another address than `cloudkms.googleapis.com`: a regional or private one, or a test. */
  readonly endpoint: GcpEndpoint | null;
  /** Stands beside the wraps: `gcp:NAME`. */
  readonly id: string;
}

const nameForm = new RegExp(
  "^projects/[a-z0-9.:-]{1,63}/locations/[a-z0-9-]{1,40}" +
    "/keyRings/[\\w-]{1,63}/cryptoKeys/[\\w-]{1,63}$",
);
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function refuse(why: string): never {
  throw new StrongroomError("KEK_SPEC_INVALID", `gcp: ${why}`);
}

function endpointOf(text: string): GcpEndpoint {
  const url = URL.canParse(text) ? new URL(text) : refuse("endpoint is no URL");
  const { hostname, protocol } = url;
  if (url.href !== `${url.origin}/`) refuse("endpoint holds more than an address");
  if (protocol === "https:")
    return { protocol: "https", hostname, port: Number(url.port === "" ? 443 : url.port) };
  if (protocol !== "http:" || !loopback.test(hostname)) refuse("endpoint must be https");
  return { protocol: "http", hostname, port: Number(url.port === "" ? 80 : url.port) };
}

/** @throws KEK_SPEC_INVALID, which says what is wrong and repeats nothing of the spec. */
export function parseGcpSpec(text: string): GcpSpec {
  const [name = "", query, ...more] = text.split("?");
  if (!nameForm.test(name) || name.length > 236 || more.length > 0)
    refuse("needs projects/P/locations/L/keyRings/R/cryptoKeys/K");
  const given = new URLSearchParams(query ?? "");
  for (const parameter of given.keys())
    if (parameter !== "endpoint" || given.getAll(parameter).length > 1)
      refuse("takes endpoint, once");
  const endpoint = given.get("endpoint");
  return {
    name,
    endpoint: endpoint === null ? null : endpointOf(endpoint),
    id: `gcp:${name}`,
  };
}
