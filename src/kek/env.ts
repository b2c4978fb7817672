/**
 * `env:NAME`: the 32 bytes in an environment variable, in hex or base64. The variable is removed
 * once read, whether it was good or not, so that no child process and no dump of the environment
 * inherits it. What the kernel shows of the start of the process (/proc/PID/environ, readable by
 * its user) is beyond reach.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { kekBytes } from "./local.ts";

export type Environment = Record<string, string | undefined>;

const hex = /^[0-9a-fA-F]{64}$/;
/** RFC 4648, sections 4 and 5: 43 characters and, optionally, one of padding. */
const base64 = /^[A-Za-z0-9+/_-]{43}=?$/;

/**
 * @returns 32 bytes, to be zeroed.
 * @throws KEK_MISSING if the variable is unset or empty; KEK_SIZE if it holds something else.
 */
export function readKekVariable(name: string, environment: Environment): Buffer {
  const text = environment[name];
  delete environment[name];
  if (text === undefined || text === "")
    throw new StrongroomError("KEK_MISSING", `the variable ${name} is not set`);
  const encoding = hex.test(text) ? "hex" : base64.test(text) ? "base64" : null;
  if (encoding === null)
    throw new StrongroomError("KEK_SIZE", `${name} is not ${kekBytes} bytes in hex or base64`);
  const pooled = Buffer.from(text, encoding);
  const key = Buffer.allocUnsafeSlow(kekBytes);
  pooled.copy(key);
  pooled.fill(0);
  return key;
}
