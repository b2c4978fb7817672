/**
 * The worker thread that seals and writes store runs and copies for the compactor. It meets subkeys
 * of single segments only, never a DEK. Runs as a module of its own (see workerexecutor.ts).
 * @module
 */
import { parentPort } from "node:worker_threads";
import { NodeDisk } from "../platform/disk.ts";
import { loadPrimitives } from "../platform/primitives.ts";
import { type Job, RunWriter } from "../store/segments/runwriter.ts";

const writer = new RunWriter(new NodeDisk(), loadPrimitives());

parentPort?.on("message", (job: Job) => {
  parentPort?.postMessage(writer.execute(job));
});
