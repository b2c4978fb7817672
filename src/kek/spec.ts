/**
 * The names of KEKs: `SCHEME:REST`. One table for what opens them, `--help`, and the documents.
 * A name holds no secret: it is printed, logged and kept with the data. docs/operations/keks.md.
 * @module
 */

export interface KekScheme {
  readonly scheme: string;
  /** As `--help` shows it. */
  readonly form: string;
}

const kekSchemes: readonly KekScheme[] = [
  { scheme: "file", form: "file:PATH" },
  { scheme: "env", form: "env:NAME" },
  { scheme: "vault", form: "vault:URL" },
  { scheme: "openbao", form: "openbao:URL" },
  { scheme: "pkcs11", form: "pkcs11:URI" },
  { scheme: "aws", form: "aws:ARN" },
  { scheme: "gcp", form: "gcp:NAME" },
  { scheme: "azure", form: "azure:URL" },
];

/** For `--help` and refusals: `file:PATH, env:NAME, …`. */
export const kekForms = kekSchemes.map(({ form }) => form).join(", ");

/** True if it begins as a name does; whether it is a good one only its provider knows. */
export function isKekSpec(text: string): boolean {
  return kekSchemes.some(({ scheme }) => text.startsWith(`${scheme}:`) && text !== `${scheme}:`);
}

/** Scheme and rest; the scheme is "" if there is none. */
export function splitSpec(spec: string): { readonly scheme: string; readonly rest: string } {
  const colon = spec.indexOf(":");
  return { scheme: spec.slice(0, Math.max(colon, 0)), rest: spec.slice(colon + 1) };
}
