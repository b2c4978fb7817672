/**
 * Finds the running node of a data directory and calls its admin service.
 * @module
 */
import { request } from "node:http";
import { type ErrorCode, errorTable, StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import { readRunFile, tokenFile } from "./runfile.ts";
import { type Method, servicePath } from "./service.ts";

const answerMsMax = 120_000;
const answerBytesMax = 64 * 2 ** 20;

export interface AdminAddress {
  readonly url: string;
  readonly token: string;
}

/** @throws ADMIN_NOT_RUNNING, ADMIN_UNAUTHENTICATED if the token cannot be read. */
export function findNode(disk: Disk, dataDir: string): AdminAddress {
  const run = readRunFile(disk, dataDir);
  if (run === null || run.url === "") throw new StrongroomError("ADMIN_NOT_RUNNING", dataDir);
  if (!/^http:\/\/127\.0\.0\.1:\d{1,5}$/.test(run.url))
    throw new StrongroomError("ADMIN_NOT_RUNNING", `${dataDir}: an odd address in run/node.json`);
  try {
    return { url: run.url, token: disk.readFile(tokenFile(dataDir)).toString("utf8").trim() };
  } catch (cause) {
    throw new StrongroomError("ADMIN_UNAUTHENTICATED", "the token file cannot be read", { cause });
  }
}

interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

function post(address: AdminAddress, method: Method, body: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${address.token}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const options = { method: "POST", headers, timeout: answerMsMax, agent: false } as const;
    const sent = request(`${address.url}${servicePath}${method}`, options, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > answerBytesMax) response.destroy(new Error("answer too large"));
        else parts.push(part);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer")));
    sent.on("error", reject);
    sent.end(body);
  });
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorTable, code);
}

/** The error of an answer as the node threw it: code and detail. */
function refused(status: number, value: unknown): StrongroomError {
  const { message, details } = (value ?? {}) as { message?: unknown; details?: unknown };
  const first = Array.isArray(details) ? (details[0] as { value?: { code?: unknown } }) : undefined;
  const code = first?.value?.code;
  if (!isCode(code)) return new StrongroomError("ADMIN_NOT_RUNNING", `another program: ${status}`);
  const what = errorTable[code].what;
  const told = typeof message === "string" ? message : "";
  const detail = told.startsWith(`[${code}] ${what} (`)
    ? told.slice(code.length + what.length + 5).split("); ", 1)[0]
    : "";
  return new StrongroomError(code, detail);
}

/**
 * Calls one method of the node that holds a directory.
 * @throws ADMIN_NOT_RUNNING when nobody, or another program, is at the address; otherwise what the
 *   node answered.
 */
export async function callNode(
  address: AdminAddress,
  method: Method,
  message: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  let answer: HttpAnswer;
  try {
    answer = await post(address, method, JSON.stringify(message));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "no answer";
    throw new StrongroomError("ADMIN_NOT_RUNNING", code, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(answer.text);
  } catch (cause) {
    throw new StrongroomError("ADMIN_NOT_RUNNING", "another program is at its address", { cause });
  }
  if (answer.status !== 200) throw refused(answer.status, value);
  return value;
}
