/**
 * What errors of the Google client mean. It maps every failure to a gRPC status, its own ones too:
 * a page that is no JSON, or a refusal by the token service, look like a status of KMS. Hazard: a
 * refused token taken for a wrong wrap. google.rpc.Code; AIP-193.
 * @module
 */
import { type ErrorCode, StrongroomError } from "../../base/errors.ts";
import { connectionFailure, statusFailure, tellableText, withoutCause } from "../failures.ts";
import type { KmsOperation } from "../remote.ts";
import type { Failure } from "../retry.ts";

interface GoogleError {
  /** gRPC status. */
  readonly code?: unknown;
  readonly message?: unknown;
  /** There only if a response arrived. */
  readonly httpStatusCode?: unknown;
  /** The failure of the connection, of authentication, or of decoding. */
  readonly cause?: unknown;
}

const codes: Readonly<Record<number, ErrorCode>> = {
  1: "KEK_UNAVAILABLE", // CANCELLED
  2: "KEK_UNAVAILABLE", // UNKNOWN
  3: "KEK_REFUSED", // INVALID_ARGUMENT
  4: "KEK_UNAVAILABLE", // DEADLINE_EXCEEDED
  5: "KEK_NOT_FOUND", // NOT_FOUND
  7: "KEK_DENIED", // PERMISSION_DENIED
  8: "KEK_UNAVAILABLE", // RESOURCE_EXHAUSTED
  9: "KEK_DISABLED", // FAILED_PRECONDITION: the state of the key or of a version
  10: "KEK_UNAVAILABLE", // ABORTED
  13: "KEK_UNAVAILABLE", // INTERNAL
  14: "KEK_UNAVAILABLE", // UNAVAILABLE
  16: "KEK_DENIED", // UNAUTHENTICATED
};

const invalidArgument = 3;

/** @returns A failure without a cause: the client's errors hold requests with their tokens. */
export function judgeGcp(error: unknown, operation: KmsOperation): Failure {
  const { code, message, httpStatusCode: status, cause } = Object(error) as GoogleError;
  const words = tellableText(typeof message === "string" ? message : "");
  if (typeof status !== "number") {
    const connection = connectionFailure(error);
    if (connection !== null) return withoutCause(connection);
    // Only 1 and 4 are of the client itself, by its signal and deadline; else it met no KMS.
    if (code !== 1 && code !== 4) return fail("KEK_REFUSED", "an answer that is not of Cloud KMS");
  } else if (ofTokenService(cause) && (status === 400 || status === 404)) {
    return fail("KEK_DENIED", `the token service: status ${status}`);
  }
  if (code === invalidArgument && /crc32c|checksum/i.test(words))
    return fail("KEK_UNAVAILABLE", "the request was damaged on the way");
  if (code === invalidArgument && operation === "unwrap") return fail("KEK_WRONG", words);
  const known = typeof code === "number" ? codes[code] : undefined;
  if (known !== undefined) return fail(known, words);
  return typeof status === "number" ? statusFailure(status, words) : fail("KEK_REFUSED", words);
}

/** KMS's own refusals are decoded; only those that authentication met keep their response. */
function ofTokenService(cause: unknown): boolean {
  const { response } = Object(cause) as { response?: unknown };
  return response !== undefined;
}

function fail(code: ErrorCode, detail: string): Failure {
  return { error: new StrongroomError(code, detail) };
}
