/**
 * Why and when a node stops: the first reason counts. A stop that is asked for while the node is
 * still opening is kept until it can be obeyed.
 * @module
 */

export type StopReason =
  | { readonly kind: "signal"; readonly name: string }
  | { readonly kind: "shutdown" }
  | { readonly kind: "fatal"; readonly error: Error };

export class StopRequest {
  #reason: StopReason | null = null;
  #resolve: (reason: StopReason) => void = () => {};
  /** Resolves with the first reason. */
  readonly requested: Promise<StopReason>;

  constructor() {
    this.requested = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get reason(): StopReason | null {
    return this.#reason;
  }

  request(reason: StopReason): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#resolve(reason);
  }
}
