/**
 * `gcp:projects/P/locations/L/keyRings/R/cryptoKeys/K?…`: the name of a symmetric key in Google
 * Cloud KMS. Hazard: the name of a version: a wrap that another version made would not open, so
 * only the name of the key is taken. docs/operations/kek-gcp.md.
 * @module
 */
import { checkParameters, endpointIn, type Refuse, refuserOf } from "../parameters.ts";

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
const refuse: Refuse = refuserOf("gcp");

function partsOf({ protocol, hostname, port }: URL): GcpEndpoint {
  return protocol === "http:"
    ? { protocol: "http", hostname, port: Number(port || 80) }
    : { protocol: "https", hostname, port: Number(port || 443) };
}

/** @throws KEK_SPEC_INVALID, which says what is wrong and repeats nothing of the spec. */
export function parseGcpSpec(text: string): GcpSpec {
  const [name = "", query, ...more] = text.split("?");
  if (!nameForm.test(name) || name.length > 236 || more.length > 0)
    refuse("needs projects/P/locations/L/keyRings/R/cryptoKeys/K");
  const given = new URLSearchParams(query ?? "");
  checkParameters(given, ["endpoint"], refuse);
  const endpoint = endpointIn(given, refuse);
  return {
    name,
    endpoint: endpoint === null ? null : partsOf(endpoint),
    id: `gcp:${name}`,
  };
}
