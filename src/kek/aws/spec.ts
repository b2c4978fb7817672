/**
 * `aws:ARN?…`: the name of a symmetric key in AWS KMS. Hazard: an alias can be pointed at another
 * key, after which old wraps no longer open; so only the ARN of a key is taken.
 * docs/operations/kek-aws.md.
 * @module
 */
import { checkParameters, endpointIn, type Refuse, refuserOf } from "../parameters.ts";

export interface AwsSpec {
  /** `arn:aws:kms:REGION:ACCOUNT:key/ID`. */
  readonly arn: string;
  readonly region: string;
  /** Another address than that of the region: a VPC endpoint, or a test. */
  readonly endpoint: string | null;
  /** Profile of the shared configuration files. */
  readonly profile: string | null;
  /** Stands beside the wraps: `aws:ARN`. */
  readonly id: string;
}

const arnForm = /^arn:aws[a-z-]{0,20}:kms:([a-z0-9-]{1,40}):\d{12}:key\/(mrk-)?[0-9a-f-]{32,40}$/;
const parameters: readonly string[] = ["endpoint", "profile"];
const refuse: Refuse = refuserOf("aws");

/** @throws KEK_SPEC_INVALID, which says what is wrong and repeats nothing of the spec. */
export function parseAwsSpec(text: string): AwsSpec {
  const [arn = "", query, ...more] = text.split("?");
  const found = arnForm.exec(arn);
  if (found === null || more.length > 0) refuse("needs the ARN of a key, not of an alias");
  const given = new URLSearchParams(query ?? "");
  checkParameters(given, parameters, refuse);
  const profile = given.get("profile");
  if (profile !== null && !/^[\w.@-]{1,64}$/.test(profile)) refuse("profile is no name");
  return {
    arn,
    region: found[1] as string,
    endpoint: endpointIn(given, refuse)?.origin ?? null,
    profile,
    id: `aws:${arn}`,
  };
}
