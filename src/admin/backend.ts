/**
 * What the admin service asks of the node that it serves.
 * @module
 */
import type { NodeStatus } from "../node/api.ts";
import type { NodeMeasures } from "../node/measures.ts";
import type { KeyOperations } from "../node/operations.ts";
import type { VerifyProgress } from "../node/verification.ts";

export interface AdminBackend {
  readonly keys: KeyOperations;
  status(): NodeStatus | Promise<NodeStatus>;
  /** Makes everything applied durable in the store. */
  checkpoint(): Promise<unknown>;
  /**
   * Opens everything while the node serves. The last progress has phase `done`.
   * @param bytesPerSecond - 0: the node's own default.
   */
  verify(bytesPerSecond: number): AsyncIterable<VerifyProgress>;
  /** What metrics are made of. */
  measures(): NodeMeasures;
}
