/**
 * Health for those who start and watch processes. `/healthz` answers while the process can answer
 * at all; `/readyz` is 200 while clients are served, 503 with the reasons otherwise.
 * @module
 */
import type { NodeStatus } from "../node/api.ts";
import type { KeyOperations } from "../node/operations.ts";
import type { Page, Pages } from "./pages.ts";

export interface HealthSource {
  readonly keys: Pick<KeyOperations, "keyring" | "capability">;
  status(): NodeStatus | Promise<NodeStatus>;
}

function json(status: number, body: unknown): Page {
  return { status, type: "application/json", text: `${JSON.stringify(body)}\n` };
}

/** Why clients are not served; empty if they are. */
async function unready(source: HealthSource): Promise<string[]> {
  const { state, haltReason } = await source.status();
  if (state === "halted") return [`halted: ${haltReason ?? "unknown"}`];
  return state === "stopping" ? ["stopping"] : [];
}

/** What does not keep clients from being served, but should be seen to. */
function warnings({ keys }: HealthSource): string[] {
  const { keks, bootstrapped } = keys.keyring();
  const { encryption, sidecarUsable } = keys.capability();
  const told = keks
    .filter(({ healthy }) => !healthy)
    .map(({ id, reason }) => `KEK ${id} does not answer: ${reason}`);
  if (encryption === "off" && !bootstrapped) told.push("encryption is off");
  if (!sidecarUsable) told.push("the sidecar is not settled");
  return told;
}

export function healthPages(source: HealthSource): Pages {
  return {
    "/healthz": async () => json(200, { status: "ok" }),
    "/readyz": async () => {
      const reasons = await unready(source);
      const ready = reasons.length === 0;
      const status = ready ? "ready" : "unready";
      return json(ready ? 200 : 503, { status, reasons, warnings: warnings(source) });
    },
  };
}
