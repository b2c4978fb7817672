/**
 * What errors of the Azure clients mean. Hazards: errors that hold a request with its token, so
 * none is kept as a cause; and 403, which tells a key that is switched off as well as a caller that
 * may not. Azure Key Vault, "Authentication, requests and responses", error `innererror.code`.
 * @module
 */
import { type ErrorCode, StrongroomError } from "../../base/errors.ts";
import {
  connectionFailure,
  statusFailure,
  tellableText,
  unknownFailure,
  withoutCause,
} from "../failures.ts";
import type { KmsOperation } from "../remote.ts";
import type { Failure } from "../retry.ts";

interface AzureError {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly statusCode?: unknown;
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
  readonly details?: { readonly error?: { readonly innerError?: { readonly code?: unknown } } };
}

/** Names of `@azure/identity` when no credential of its chain is there. */
const without: readonly unknown[] = [
  "CredentialUnavailableError",
  "AggregateAuthenticationError",
  "AuthenticationRequiredError",
];
/** Identity's texts when the authority was not reached. */
const unreached = new RegExp(
  "endpoints_resolution_error|network_error|temporarily_unavailable|server_error|" +
    "ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT",
);
/** OAuth's words, and codes of Entra ID, for a principal or secret that it does not take. */
const refused = /invalid_client|unauthorized_client|invalid_grant|access_denied|AADSTS\d+/;
const switchedOff = /^(KeyDisabled|KeyExpired|KeyNotYetValid|KeyPendingImport)$/;
const switchedOffText = /not allowed on an? (disabled|expired|not yet valid) key/i;

/** True if key or version are not there. */
export function isMissing(error: unknown): boolean {
  return (Object(error) as AzureError).statusCode === 404;
}

/** @returns A failure without a cause. */
export function judgeAzure(error: unknown, operation: KmsOperation): Failure {
  const { name, message, statusCode: status, response, details } = Object(error) as AzureError;
  const text = typeof message === "string" ? message : "";
  if (without.includes(name) || name === "AuthenticationError")
    return judgeIdentity(name, text, status);
  if (typeof status !== "number")
    return withoutCause(connectionFailure(error) ?? unknownFailure(error));
  const inner = details?.error?.innerError?.code;
  const words = tellableText(text);
  if (status === 403) {
    if (switchedOff.test(String(inner)) || switchedOffText.test(text))
      return fail("KEK_DISABLED", words);
    if (inner === "KeyOperationForbidden") return fail("KEK_UNSUITABLE", words);
  }
  if (status === 400 && operation === "unwrap") return fail("KEK_WRONG", words);
  return withoutCause(statusFailure(status, words, response?.headers?.get("retry-after")));
}

/** Its texts may be long lists of what was tried; none is repeated. */
function judgeIdentity(name: unknown, text: string, status: unknown): Failure {
  if (unreached.test(text)) return fail("KEK_UNAVAILABLE", "the authority is not reached");
  if (typeof status === "number" && (status >= 500 || status === 429))
    return fail("KEK_UNAVAILABLE", `the authority: status ${status}`);
  if (name === "AuthenticationError" || refused.test(text))
    return fail("KEK_DENIED", "the authority refuses the credentials");
  return fail("KEK_CREDENTIALS", "no usable Azure credentials are found");
}

function fail(code: ErrorCode, detail: string): Failure {
  return { error: new StrongroomError(code, detail) };
}
