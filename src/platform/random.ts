/**
 * The Random port on Node: the operating system's generator through OpenSSL.
 * @module
 */
import { randomFillSync } from "node:crypto";
import type { Random } from "../base/ports.ts";

export const systemRandom: Random = {
  // Not from Node's shared pool: a key's buffer must be one that can be zeroed whole.
  bytes: (length) => randomFillSync(Buffer.allocUnsafeSlow(length)),
};
