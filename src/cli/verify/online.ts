/**
 * Verifies a directory through the node that holds it: the node opens everything while it serves.
 * @module
 */
import { findNode } from "../../admin/find.ts";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { VerifyProgress } from "../../node/verification.ts";
import type { Context } from "../context.ts";
import type { VerifyResult } from "./findings.ts";

function resultOf({ records, entries, failures, findings }: VerifyProgress): VerifyResult {
  const damage = findings.map(({ code, place }) => ({
    path: place,
    offset: -1,
    problem: `[${code}] found by the serving node`,
  }));
  const untold = failures - findings.length;
  if (untold > 0)
    damage.push({ path: ".", offset: -1, problem: `[VERIFY_DAMAGED] and ${untold} more` });
  return { counts: { records, "log entries": entries }, damage };
}

/**
 * @throws VERIFY_RUNNING if whoever holds the directory cannot be asked; what the node answers.
 */
export async function verifyOnline(context: Context, dataDir: string): Promise<VerifyResult> {
  let last: VerifyProgress | null = null;
  try {
    const target = findNode(context.disk, dataDir);
    const { connectAdmin } = await import("../../admin/client.ts");
    const client = connectAdmin(target);
    for await (const progress of client.verify(0)) last = progress;
  } catch (cause) {
    if (!isStrongroomError(cause, "ADMIN_NOT_RUNNING")) throw cause;
    throw new StrongroomError("VERIFY_RUNNING", "and it does not answer", { cause });
  }
  if (last?.phase !== "done") throw new StrongroomError("ADMIN_STREAM_BROKEN");
  return resultOf(last);
}
