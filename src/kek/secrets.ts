/**
 * Credentials for services: from variables, which are removed from the environment once read, and
 * from files, which are read anew at each login since agents replace them. Never from the spec:
 * command lines are seen by every user of the machine.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { readSecretFile, type SecretFileStatus } from "../platform/secret-file.ts";
import type { Environment } from "./env.ts";

const secretBytesMax = 64 * 1024;

/** What was taken out of an environment: a second KEK may need the same variable. */
const taken = new WeakMap<Environment, Map<string, string>>();

/** The first of `names` that is set, removed from the environment; null if none is. */
export function takeVariable(environment: Environment, names: readonly string[]): string | null {
  const held = taken.get(environment) ?? new Map<string, string>();
  taken.set(environment, held);
  for (const name of names) {
    const text = environment[name];
    delete environment[name];
    if (text !== undefined && text !== "") held.set(name, text);
  }
  for (const name of names) {
    const text = held.get(name);
    if (text !== undefined) return text;
  }
  return null;
}

/** The first of `names` that is set and no secret; it stays. */
export function readVariable(environment: Environment, names: readonly string[]): string | null {
  for (const name of names) {
    const text = environment[name];
    if (text !== undefined && text !== "") return text;
  }
  return null;
}

/** What a credential file may be. */
export interface SecretRules {
  /** Group and others may read it: for tokens that a platform puts there, as Kubernetes does. */
  readonly shared: boolean;
}

/**
 * The text of a credential file without the blanks around it.
 * @throws KEK_CREDENTIALS if it is not there, empty, or others may read or replace it.
 */
export function readSecretText(path: string, rules: SecretRules = { shared: false }): string {
  let bytes: Buffer;
  try {
    bytes = readSecretFile(path, secretBytesMax, (status) => judge(path, status, rules));
  } catch (error) {
    if (error instanceof StrongroomError) throw error;
    const code = String((error as NodeJS.ErrnoException | null)?.code ?? "unreadable");
    throw new StrongroomError("KEK_CREDENTIALS", `${path}: ${code}`, { cause: error });
  }
  const text = bytes.toString("utf8").trim();
  bytes.fill(0);
  if (text === "") throw new StrongroomError("KEK_CREDENTIALS", `${path} is empty`);
  return text;
}

function judge(path: string, status: SecretFileStatus, rules: SecretRules): void {
  const refuse = (why: string): never => {
    throw new StrongroomError("KEK_CREDENTIALS", `${path} ${why}`);
  };
  if (!status.regular) refuse("is no regular file");
  if (status.bytes > secretBytesMax) refuse(`is larger than ${secretBytesMax} bytes`);
  if (!rules.shared && !status.ownerTrusted) refuse("belongs to another user");
  // Agents write for a group; others neither read nor write, and nobody else replaces it.
  const open = rules.shared ? 0o022 : 0o027;
  if ((status.mode & open) !== 0) refuse(`has mode 0${status.mode.toString(8)}: open to others`);
}
