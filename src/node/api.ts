/**
 * What a running node offers to its servers, its command line and the library.
 * @module
 */

/** Settings of a node. Sizes are bytes. Every one is a flag of `serve` under the same name. */
export interface NodeOptions {
  readonly dataDir: string;
  /** `file:PATH` or `env:NAME`, any number; the first wraps new DEKs too, all of them do. */
  readonly keks: readonly string[];
  readonly encryption: "on" | "off";
  /** Bound of the resident set. Default 256 MiB. */
  readonly cacheBytes: number;
  /** zstd before sealing, for string values of 4 KiB or more. */
  readonly compress: boolean;
  /** Pass over a sidecar that is not to be believed, and rebuild it from the store. */
  readonly rebuildSidecar?: boolean;
  /** Name of this node; by default drawn once and kept in the data directory. */
  readonly nodeId?: string;
  /** Largest value in bytes (proto-max-bulk-len). Default 512 MiB. */
  readonly valueBytesMax: number;
  /**
   * `guarded` (default): while the clock is hours from the last commit nothing is proposed.
   * `trusted`: the operator knows it to be right.
   */
  readonly clock?: "guarded" | "trusted";
  /** Dirty bytes at which a flush to the store starts. Default 16 MiB. */
  readonly flushBytes?: number;
  /** Longest time that something stays unflushed. Default 2000 ms. */
  readonly flushIntervalMs?: number;
  /** Bytes waiting for the store above which no write is proposed. Default 256 MiB. */
  readonly pinnedBytes?: number;
  /** Limits at which keys are rotated: `30d`, `storage:100gb`, `log:1000000writes`. */
  readonly rotateAfter?: readonly string[];
  /** Rotate storage and log key once the node serves. */
  readonly rotateOnStartup?: boolean;
  /** Size at which a store segment is closed. */
  readonly segmentBytes?: number;
  /** Size at which a log file is closed. */
  readonly logFileBytes?: number;
  /** Seal and write store runs in a worker thread; tests may do without. Default true. */
  readonly worker?: boolean;
}

export interface KeyStatus {
  readonly id: number;
  readonly purpose: "storage" | "log" | "index";
  readonly state: "active" | "decrypt-only" | "fenced" | "retired";
  readonly bytes: number;
  readonly records: number;
}

export interface NodeStatus {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly encryption: boolean;
  readonly state: "serving" | "halted" | "stopping";
  readonly haltReason?: string;
  readonly appliedIndex: number;
  readonly durableIndex: number;
  readonly log: { readonly first: number; readonly last: number; readonly bytes: number };
  readonly store: { readonly bytes: number; readonly deadBytes: number; readonly segments: number };
  readonly resident: {
    readonly bytes: number;
    readonly limit: number;
    readonly dirtyBytes: number;
  };
  readonly active: { readonly storage: number; readonly log: number; readonly index: number };
  readonly keys: readonly KeyStatus[];
  readonly primitives: "native" | "node";
}

export interface RotateResult {
  readonly keyId: number;
  readonly appliedIndex: number;
}
