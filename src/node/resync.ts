/**
 * Compares a serving node's sidecar on disk with its keyring, says what differs, and mends it when
 * told to. What is in memory was authenticated entry by entry, so it has the last word; only a file
 * that knows more than the log led to is left alone and refused. docs/formats/sidecar.md.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { SidecarDocument } from "../control/document.ts";
import { documentOf } from "../control/sidecar.ts";
import { sameDocument } from "../control/sidecar-compare.ts";
import type { ResyncReport } from "./operations.ts";
import type { Note } from "./requests.ts";
import type { Runtime } from "./runtime.ts";

interface Step {
  readonly text: string;
  readonly mend: () => void | Promise<void>;
}

const file = "encryption/keys.json";

/**
 * @param note - Of the request that has it mended; null: only says what it would do.
 * @throws SIDECAR_NEWER: nothing was changed; KEK_* for a key that does not open;
 * KEY_OPERATION_UNAVAILABLE while an entry's effects are being made durable.
 */
export function resync(runtime: Runtime, note: Note | null): Promise<ResyncReport> {
  return runtime.inTurn(async () => {
    if (runtime.deps.host.unsettled)
      throw new StrongroomError("KEY_OPERATION_UNAVAILABLE", "a change of the keys is under way");
    const steps = stepsOf(runtime);
    if (note !== null) for (const { mend } of steps) await mend();
    if (note !== null && steps.length > 0) await remember(runtime, note);
    return { steps: steps.map(({ text }) => text), done: note !== null };
  });
}

/** What was mended stays mended: if this fails, the same request finds nothing left to do. */
async function remember({ flusher, group }: Runtime, note: Note): Promise<void> {
  if (group.haltedBy !== null) return;
  note.add();
  await flusher.flush().catch(() => note.drop());
}

function stepsOf(runtime: Runtime): Step[] {
  const { state, keystore, keeper, host } = runtime.deps;
  const steps: Step[] = [];
  for (const { id, state: of } of state.keys.values()) {
    if (of !== "retired" && !keystore.has(id))
      steps.push({ text: `open key ${id} with a KEK`, mend: () => host.unwrapMissing() });
    if (of === "retired" && keystore.has(id))
      steps.push({ text: `forget retired key ${id}`, mend: () => void keystore.drop(id) });
  }
  const wanted = wantedDocument(runtime);
  const why = whyReplace(runtime, wanted);
  if (why !== null)
    steps.push({ text: `write ${file} afresh: ${why}`, mend: () => keeper.write(wanted) });
  return steps;
}

/** What the file should say: the keyring as applied, with this node's epochs. */
function wantedDocument({ deps: { state, keeper }, node }: Runtime): SidecarDocument {
  const raw = keeper.document.clear?.raw ?? null;
  const document = documentOf(state, node.id, (id) => keeper.epochOf(id), raw);
  return document ?? keeper.document;
}

/** @returns null if the file is as it should be. @throws SIDECAR_NEWER. */
function whyReplace({ deps: { keeper } }: Runtime, wanted: SidecarDocument): string | null {
  let found: SidecarDocument | null;
  try {
    found = keeper.reread();
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    return `it cannot be believed (${error.code})`;
  }
  if (found === null) return "it is missing";
  if (!found.cluster.equals(wanted.cluster)) return "it is of another cluster";
  if (found.nodeId !== wanted.nodeId) return `it is of node ${found.nodeId}`;
  if (sameDocument(found, wanted)) return null;
  const { appliedIndex } = wanted;
  if (found.appliedIndex > appliedIndex)
    throw new StrongroomError(
      "SIDECAR_NEWER",
      `it stands at entry ${found.appliedIndex}, the node at ${appliedIndex}`,
    );
  return found.appliedIndex < appliedIndex
    ? `it stands at entry ${found.appliedIndex}, the keyring at ${appliedIndex}`
    : "it counts other loads of this node";
}
