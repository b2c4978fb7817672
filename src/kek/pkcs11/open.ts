// Permanent format of a wrap by a key in a token, 61 bytes:
//
//   offset  size  field
//        0     1  form        1: CKM_AES_GCM
//        1    12  iv          as the token used it
//       13    32  ciphertext  the DEK
//       45    16  tag         authenticated beside it: the binding, as AAD
/**
 * A KEK in a PKCS #11 token: an HSM, or SoftHSM. The key never leaves it; DEKs go in and come out
 * of it by AES-GCM with the binding as AAD. Hazards: a wrong PIN tried again and again locks the
 * token for everybody, so one that was refused is not tried twice; and a library that hangs must
 * not pile up threads, so calls under way are bounded. PKCS #11 v2.40, section 2.12.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Pkcs11Answer, Pkcs11Driver, Pkcs11Request } from "../../platform/pkcs11.ts";
import type { KekDeps } from "../deps.ts";
import { unknownFailure } from "../failures.ts";
import { dekBytes, type KekProvider } from "../provider.ts";
import { RemoteKek, type RemoteKms } from "../remote.ts";
import type { Failure } from "../retry.ts";
import { readSecretText, takeVariable } from "../secrets.ts";
import { answerError, isPinRefusal } from "./codes.ts";
import { type Pkcs11Name, parsePkcs11Uri } from "./uri.ts";

const form = 1;
const ivBytes = 12;
const tagBytes = 16;
const wrapBytes = 1 + ivBytes + dekBytes + tagBytes;
const callsMax = 4;
const pinVariable = "STRONGROOM_PKCS11_PIN";

/** @throws KEK_SPEC_INVALID. */
export function openPkcs11(rest: string, _scheme: string, deps: KekDeps): KekProvider {
  return new RemoteKek(new Pkcs11Kms(parsePkcs11Uri(rest), deps), deps);
}

class Pkcs11Kms implements RemoteKms {
  readonly id: string;
  readonly provider = "pkcs11";
  readonly #name: Pkcs11Name;
  readonly #deps: KekDeps;
  #calls = 0;
  /** The PIN that the token refused last. */
  #refusedPin: string | null = null;

  constructor(name: Pkcs11Name, deps: KekDeps) {
    this.id = name.id;
    this.#name = name;
    this.#deps = deps;
    takeVariable(deps.environment, [pinVariable]);
  }

  async examine(): Promise<void> {
    const [encrypts, decrypts, keyBytes] = await this.#call({ operation: "examine" });
    if (encrypts !== 1 || decrypts !== 1)
      throw new StrongroomError("KEK_UNSUITABLE", "the token does not let it do AES-GCM both ways");
    if (keyBytes !== 32)
      throw new StrongroomError("KEK_UNSUITABLE", `it has ${keyBytes} bytes, not 32`);
  }

  async wrap(dek: Uint8Array, binding: Uint8Array): Promise<Uint8Array> {
    const iv = this.#deps.random.bytes(ivBytes);
    const sealed = await this.#call({ operation: "encrypt", iv, aad: binding, input: dek });
    if (sealed.length !== wrapBytes - 1)
      throw new StrongroomError("KEK_UNSUITABLE", "the token's AES-GCM has another form");
    return Buffer.concat([Buffer.of(form), sealed]);
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array): Promise<Uint8Array> {
    if (wrapped.length !== wrapBytes || wrapped[0] !== form)
      throw new StrongroomError("KEK_WRONG", "not a wrap by a key in a token");
    const iv = wrapped.subarray(1, 1 + ivBytes);
    const input = wrapped.subarray(1 + ivBytes);
    try {
      const opened = await this.#call({ operation: "decrypt", iv, aad: binding, input });
      const dek = Buffer.from(opened.subarray(ivBytes));
      opened.fill(0);
      return dek;
    } catch (error) {
      if (!(error instanceof AmbiguousFailure)) throw error;
      await this.#roundTrip();
      throw new StrongroomError("KEK_WRONG", `${this.id} does not open the wrap`);
    }
  }

  judge(error: unknown): Failure {
    return unknownFailure(error);
  }

  close(): void {
    this.#refusedPin = null;
  }

  /**
   * Some tokens tell a wrong tag by their code for any failure. If the same key does its work on
   * something else, it was the wrap. @throws as a call, if it does not.
   */
  async #roundTrip(): Promise<void> {
    const binding = Buffer.alloc(1);
    const iv = this.#deps.random.bytes(ivBytes);
    const sample = Buffer.alloc(dekBytes);
    const sealed = await this.#call({ operation: "encrypt", iv, aad: binding, input: sample });
    const [used, input] = [sealed.subarray(0, ivBytes), sealed.subarray(ivBytes)];
    await this.#call({ operation: "decrypt", iv: used, aad: binding, input });
  }

  async #call(request: Omit<Pkcs11Request, "place" | "pin">): Promise<Buffer> {
    const driver = this.#driver();
    const pin = this.#pin();
    const bytes = Buffer.from(pin, "utf8");
    if (this.#calls >= callsMax)
      throw new StrongroomError("KEK_UNAVAILABLE", `${this.#calls} calls have had no answer`);
    this.#calls++;
    let answer: Pkcs11Answer;
    try {
      const asked = driver({ ...request, place: this.#name.place, pin: bytes });
      bytes.fill(0);
      answer = await asked;
    } finally {
      this.#calls--;
    }
    if (answer.step === "done") return answer.output;
    if (isPinRefusal(answer)) this.#refusedPin = pin;
    const { code, detail } = answerError(answer, request.operation, this.#name.place.module);
    if (answer.step === "crypt" && request.operation === "decrypt" && code === "KEK_UNAVAILABLE")
      throw new AmbiguousFailure(code, detail);
    throw new StrongroomError(code, detail);
  }

  #driver(): Pkcs11Driver {
    const driver = this.#deps.pkcs11();
    if (driver !== null) return driver;
    const how = "a C compiler (Debian: gcc libc6-dev), then `npm run build`";
    throw new StrongroomError("KEK_DRIVER_MISSING", `the native addon is needed: ${how}`);
  }

  #pin(): string {
    const { pinFile } = this.#name;
    const pin =
      pinFile === null
        ? takeVariable(this.#deps.environment, [pinVariable])
        : readSecretText(pinFile);
    if (pin === null)
      throw new StrongroomError("KEK_CREDENTIALS", `neither pin-source= nor ${pinVariable} is set`);
    if (pin === this.#refusedPin)
      throw new StrongroomError("KEK_DENIED", "the token refused this PIN; it is not tried again");
    return pin;
  }
}

/** A failure of decryption that may be the wrap's fault or the token's. */
class AmbiguousFailure extends StrongroomError {}
