/**
 * What codes of PKCS #11 libraries mean: PKCS #11 v2.40, section 5.1. Hazard: a device that is
 * away for a moment taken for a key that is gone.
 * @module
 */
import type { ErrorCode } from "../../base/errors.ts";
import type { Pkcs11Answer, Pkcs11Request } from "../../platform/pkcs11.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly name: string;
}

const meanings: Readonly<Record<number, Meaning>> = {
  32: { code: "KEK_WRONG", name: "CKR_DATA_INVALID" },
  33: { code: "KEK_WRONG", name: "CKR_DATA_LEN_RANGE" },
  64: { code: "KEK_WRONG", name: "CKR_ENCRYPTED_DATA_INVALID" },
  65: { code: "KEK_WRONG", name: "CKR_ENCRYPTED_DATA_LEN_RANGE" },
  513: { code: "KEK_WRONG", name: "CKR_AEAD_DECRYPT_FAILED" },
  84: { code: "KEK_UNSUITABLE", name: "CKR_FUNCTION_NOT_SUPPORTED" },
  98: { code: "KEK_UNSUITABLE", name: "CKR_KEY_SIZE_RANGE" },
  99: { code: "KEK_UNSUITABLE", name: "CKR_KEY_TYPE_INCONSISTENT" },
  104: { code: "KEK_UNSUITABLE", name: "CKR_KEY_FUNCTION_NOT_PERMITTED" },
  112: { code: "KEK_UNSUITABLE", name: "CKR_MECHANISM_INVALID" },
  113: { code: "KEK_UNSUITABLE", name: "CKR_MECHANISM_PARAM_INVALID" },
  160: { code: "KEK_DENIED", name: "CKR_PIN_INCORRECT" },
  161: { code: "KEK_DENIED", name: "CKR_PIN_INVALID" },
  162: { code: "KEK_DENIED", name: "CKR_PIN_LEN_RANGE" },
  163: { code: "KEK_DENIED", name: "CKR_PIN_EXPIRED" },
  164: { code: "KEK_DENIED", name: "CKR_PIN_LOCKED" },
  258: { code: "KEK_DENIED", name: "CKR_USER_PIN_NOT_INITIALIZED" },
  259: { code: "KEK_DENIED", name: "CKR_USER_TYPE_INVALID" },
};

const pinCodes: readonly number[] = [0xa0, 0xa1, 0xa2, 0xa3, 0xa4];

/** True if another try with the same PIN could only lock the token. */
export function isPinRefusal({ step, code }: Pkcs11Answer): boolean {
  return step === "login" && pinCodes.includes(code);
}

/** The code and detail of an answer that is no success. */
export function answerError(
  { step, code }: Pkcs11Answer,
  operation: Pkcs11Request["operation"],
  module: string,
): { readonly code: ErrorCode; readonly detail: string } {
  switch (step) {
    case "module":
      return { code: "KEK_DRIVER_MISSING", detail: `${module} is no PKCS #11 library to load` };
    case "token-absent":
      return { code: "KEK_UNAVAILABLE", detail: "no token is present" };
    case "token-other":
      return { code: "KEK_NOT_FOUND", detail: "no token of that name is present" };
    case "token-many":
      return { code: "KEK_NOT_FOUND", detail: "several tokens fit: name it by its serial" };
    case "key-absent":
      return { code: "KEK_NOT_FOUND", detail: "the token holds no AES key of that name" };
    case "key-many":
      return { code: "KEK_NOT_FOUND", detail: "several keys fit: name it by object and id" };
    default: {
      const known = meanings[code];
      const name = known?.name ?? `code 0x${code.toString(16)}`;
      const wrong = known?.code === "KEK_WRONG" && (operation !== "decrypt" || step !== "crypt");
      const told = known === undefined || wrong ? "KEK_UNAVAILABLE" : known.code;
      return { code: told, detail: `${step}: ${name}` };
    }
  }
}
