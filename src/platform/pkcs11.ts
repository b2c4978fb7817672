/**
 * Calls to PKCS #11 tokens through the addon, which explains how they are made. Here the request is
 * packed: twelve fields, each a length u32 (little-endian) and its bytes, in the order of `fields`.
 * @module
 */
import { loadNative } from "./native.ts";

/** Which key in which token; what is left out is not compared. */
export interface Pkcs11Place {
  /** Absolute path of the library. */
  readonly module: string;
  readonly token?: string;
  readonly manufacturer?: string;
  readonly serial?: string;
  readonly model?: string;
  /** A decimal number. */
  readonly slot?: string;
  readonly label?: string;
  readonly id?: Uint8Array;
}

export interface Pkcs11Request {
  readonly operation: keyof typeof operations;
  readonly place: Pkcs11Place;
  /** Empty: no login. The caller zeroes its own. */
  readonly pin: Uint8Array;
  /** 12 bytes; some tokens choose another one when they encrypt. */
  readonly iv?: Uint8Array;
  readonly aad?: Uint8Array;
  readonly input?: Uint8Array;
}

const operations = { examine: 0, encrypt: 1, decrypt: 2 } as const;

/** Where a call ended, by the addon's numbers. */
const pkcs11Steps = [
  "done",
  "module",
  "initialize",
  "token",
  "token-absent",
  "token-other",
  "token-many",
  "session",
  "login",
  "key",
  "key-absent",
  "key-many",
  "mechanism",
  "crypt",
] as const;

export interface Pkcs11Answer {
  readonly step: (typeof pkcs11Steps)[number];
  /** The library's own code (CKR_…), 0 where the step alone tells. */
  readonly code: number;
  /**
   * Of `examine`: may encrypt u8, may decrypt u8, bytes of the key u8. Else the IV that was used
   * and the result. Empty unless the step is `done`.
   */
  readonly output: Buffer;
}

/** Never throws for what a token does; the promise of one that hangs stays open. */
export type Pkcs11Driver = (request: Pkcs11Request) => Promise<Pkcs11Answer>;

function pack({ place, pin, iv, aad, input }: Pkcs11Request): Buffer {
  const { module, token, manufacturer, serial, model, slot, label, id } = place;
  const fields = [module, token, manufacturer, serial, model, slot, pin, label, id, iv, aad, input];
  const bytes = fields.map((field) => Buffer.from(field ?? ""));
  const packed = Buffer.allocUnsafeSlow(bytes.reduce((sum, { length }) => sum + 4 + length, 0));
  let at = 0;
  for (const field of bytes) {
    at = packed.writeUInt32LE(field.length, at);
    field.copy(packed, at);
    at += field.length;
    field.fill(0);
  }
  return packed;
}

/** The driver, or null without the addon. */
export function loadPkcs11(): Pkcs11Driver | null {
  const addon = loadNative();
  if (addon === null) return null;
  return (request) =>
    new Promise((resolve) => {
      const packed = pack(request);
      try {
        addon.pkcs11(operations[request.operation], packed, (step, code, output) =>
          resolve({ step: pkcs11Steps[step] as Pkcs11Answer["step"], code, output }),
        );
      } finally {
        packed.fill(0);
      }
    });
}
