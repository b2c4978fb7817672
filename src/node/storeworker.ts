/**
 * A worker thread that seals and writes store runs and copies for the compactor. It meets subkeys
 * of single segments only, never a DEK. Runs as a module of its own (see workerexecutor.ts).
 * @module
 */
import { readlinkSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { NodeDisk } from "../platform/disk.ts";
import { loadPrimitives } from "../platform/primitives.ts";
import { type Job, type JobOutcome, RunWriter } from "../store/segments/runwriter.ts";

/** Clients come first: under load this thread takes what the others leave. Linux: by thread. */
function yieldToOthers(): void {
  try {
    const thread = readlinkSync("/proc/thread-self").split("/").at(-1);
    setPriority(Number(thread), constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Without it everything works, a little less smoothly.
  }
}

// As the process that it serves (bin/strongroom.ts).
Buffer.poolSize = 8192;
yieldToOthers();
const writer = new RunWriter(new NodeDisk(), loadPrimitives());

/** Large memory that the outcome alone has moves to the other thread instead of a copy. */
function movable(outcome: JobOutcome): ArrayBuffer[] {
  if (!outcome.ok) return [];
  const { places, hint } = outcome;
  return (hint === null ? [places] : [places, hint.entries])
    .filter(({ length }) => length > 64 * 1024)
    .map(({ buffer }) => buffer as ArrayBuffer);
}

parentPort?.on("message", (job: Job) => {
  const outcome = writer.execute(job);
  parentPort?.postMessage(outcome, movable(outcome));
});
