/**
 * Errors on the wire. A refusal carries our code in a `Refusal` detail beside the protocol's own
 * word, and comes back out of a client as the error that the node threw. What is not one of our
 * errors is told by its kind alone: its text may quote data.
 * @module
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorCode, errorTable, StrongroomError } from "../base/errors.ts";
import { RefusalSchema } from "../proto/strongroom/admin/v1/admin_pb.ts";

const words: Partial<Record<ErrorCode, Code>> = {
  ADMIN_UNAUTHENTICATED: Code.Unauthenticated,
  ADMIN_REQUEST_INVALID: Code.InvalidArgument,
  ADMIN_REQUEST_ID_REUSED: Code.InvalidArgument,
  ADMIN_INTERNAL: Code.Internal,
  ADMIN_BUSY: Code.ResourceExhausted,
  ADMIN_OUTCOME_UNKNOWN: Code.DeadlineExceeded,
  ADMIN_GATE_SIDECAR_UNUSABLE: Code.FailedPrecondition,
};

/** What is particular to a case: an error's message without its code. */
function detailOf(error: StrongroomError): string {
  const detail = error.message.slice(error.code.length + 3);
  return detail === errorTable[error.code].what ? "" : detail;
}

/** Any failure as one of ours. A defect shows its kind only. */
function codedError(error: unknown): StrongroomError {
  if (error instanceof StrongroomError) return error;
  return new StrongroomError("ADMIN_INTERNAL", error instanceof Error ? error.name : "unknown");
}

/** A failure as it goes on the wire. @param requestId - Of a mutation. */
export function wireError(error: unknown, requestId = ""): ConnectError {
  if (error instanceof ConnectError) return error;
  const coded = codedError(error);
  const { code, retryable } = coded;
  const { what, kept, todo } = errorTable[code];
  const word = words[code] ?? (retryable ? Code.Unavailable : Code.FailedPrecondition);
  const value = { code, detail: detailOf(coded), what, kept, todo, retryable, requestId };
  return new ConnectError(coded.explain(), word, undefined, [{ desc: RefusalSchema, value }]);
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** Nobody, or another program, is at the address. */
function absent(error: ConnectError): StrongroomError {
  const cause = (error.cause ?? {}) as NodeJS.ErrnoException;
  const detail = cause.code ?? `another program is at its address: ${Code[error.code]}`;
  return new StrongroomError("ADMIN_NOT_RUNNING", detail, { cause: error });
}

/** What a client throws for a failure of a call: the node's own error where it sent one. */
export function errorFromWire(thrown: unknown): StrongroomError {
  if (thrown instanceof StrongroomError) return thrown;
  const error = ConnectError.from(thrown);
  const [refusal] = error.findDetails(RefusalSchema);
  if (refusal !== undefined && isCode(refusal.code))
    return new StrongroomError(refusal.code, refusal.detail, { cause: error });
  if (refusal !== undefined)
    return new StrongroomError("ADMIN_INTERNAL", `${refusal.code}: ${refusal.what}`);
  if (error.code === Code.Unauthenticated) return new StrongroomError("ADMIN_UNAUTHENTICATED");
  if (error.code === Code.DeadlineExceeded)
    return new StrongroomError("ADMIN_OUTCOME_UNKNOWN", "the node did not answer in time");
  if (error.code === Code.InvalidArgument || error.code === Code.ResourceExhausted)
    return new StrongroomError("ADMIN_REQUEST_INVALID", error.rawMessage.slice(0, 200));
  return absent(error);
}
