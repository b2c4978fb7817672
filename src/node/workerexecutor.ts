/**
 * Hosts the store's writer in a worker thread, so that sealing and writing never hold up clients.
 * Jobs are answered in order. A worker that dies takes what is durable into the unknown: every job
 * fails from then on.
 * @module
 */
import { Worker } from "node:worker_threads";
import type { Job, JobOutcome, RunExecutor } from "../store/segments/runwriter.ts";

export class WorkerExecutor implements RunExecutor {
  private readonly worker: Worker;
  private readonly waiting: ((outcome: JobOutcome) => void)[] = [];
  private dead: string | null = null;

  constructor() {
    // The worker has no use for the flags and the environment of the process.
    this.worker = new Worker(new URL("./storeworker.ts", import.meta.url), {
      execArgv: [],
      argv: [],
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 3 },
    });
    this.worker.unref();
    this.worker.on("message", (outcome: JobOutcome) => this.waiting.shift()?.(outcome));
    this.worker.on("error", (error) => this.die(error.name));
    this.worker.on("exit", (code) => this.die(`exit ${code}`));
  }

  private die(detail: string): void {
    this.dead ??= detail;
    for (const answer of this.waiting.splice(0)) answer(this.failure());
  }

  private failure(): JobOutcome {
    const detail = `the store's worker has ended (${this.dead})`;
    return { ok: false, full: false, code: null, detail, end: 0 };
  }

  run(job: Job): Promise<JobOutcome> {
    if (this.dead !== null) return Promise.resolve(this.failure());
    return new Promise((resolve) => {
      // While a job is under way the process must not end.
      this.worker.ref();
      this.waiting.push((outcome) => {
        if (this.waiting.length === 0) this.worker.unref();
        resolve(outcome);
      });
      this.worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    this.worker.removeAllListeners("exit");
    await this.worker.terminate();
    this.die("closed");
  }
}
