/**
 * A KEK in a service: what all of them share. The service's own part is a `RemoteKms`; this adds
 * bounded time, retries, one judgement of failures, and the examination of a key before anything
 * is wrapped by it. Nothing is asked when it is opened: a node whose other KEK opens the data
 * starts without this one. Hazard: a key, or a service, that silently drops the binding: then a
 * moved wrap would open. `examine` looks at the key, `probeKek` tries it.
 * @module
 */
import { assert } from "../base/assert.ts";
import { StrongroomError } from "../base/errors.ts";
import { dekBytes, type KekProvider, wrapBytesMax } from "./provider.ts";
import { type Attempt, Caller, type Failure, type RetryDeps } from "./retry.ts";

export type KmsOperation = "wrap" | "unwrap" | "examine";

/** One service's part. Each function is one attempt: it neither waits nor tries again. */
export interface RemoteKms {
  readonly id: string;
  readonly provider: string;
  /** @returns At most 4096 bytes, all of which matter: another bit is another wrap. */
  wrap(dek: Uint8Array, binding: Uint8Array, attempt: Attempt): Promise<Uint8Array>;
  /** @returns The DEK in a buffer of its own; it is zeroed here. */
  unwrap(wrapped: Uint8Array, binding: Uint8Array, attempt: Attempt): Promise<Uint8Array>;
  /** Throws unless the key is there, enabled, and of a kind that carries the binding. */
  examine(attempt: Attempt): Promise<void>;
  /** What a thrown error means. Not asked about a StrongroomError: that is judged already. */
  judge(error: unknown, operation: KmsOperation): Failure;
  close(): void;
}

export class RemoteKek implements KekProvider {
  readonly id: string;
  readonly provider: string;
  readonly #kms: RemoteKms;
  readonly #caller: Caller;
  #examined = false;
  #open = true;

  constructor(kms: RemoteKms, deps: RetryDeps) {
    assert(/^[a-z0-9-]+:[\x21-\x7e]{1,240}$/.test(kms.id), "an id that cannot stand beside wraps");
    this.id = kms.id;
    this.provider = kms.provider;
    this.#kms = kms;
    this.#caller = new Caller(kms.id, deps);
  }

  async wrap(dek: Uint8Array, binding: Uint8Array): Promise<Buffer> {
    assert(this.#open, "use of a closed KEK");
    assert(dek.length === dekBytes, "a DEK has 32 bytes");
    if (!this.#examined) await this.#call("examine", (attempt) => this.#kms.examine(attempt));
    this.#examined = true;
    try {
      const wrapped = await this.#call("wrap", (at) => this.#kms.wrap(dek, binding, at));
      if (wrapped.length === 0 || wrapped.length > wrapBytesMax)
        throw new StrongroomError("KEK_REFUSED", `a wrap of ${wrapped.length} bytes`);
      return Buffer.from(wrapped);
    } catch (error) {
      // The key may have been replaced meanwhile: it is looked at again before the next wrap.
      this.#examined = false;
      throw error;
    }
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array): Promise<Buffer> {
    assert(this.#open, "use of a closed KEK");
    if (wrapped.length === 0 || wrapped.length > wrapBytesMax)
      throw new StrongroomError("KEK_WRONG", `a wrap of ${wrapped.length} bytes`);
    const opened = await this.#call("unwrap", (at) => this.#kms.unwrap(wrapped, binding, at));
    try {
      if (opened.length !== dekBytes)
        throw new StrongroomError("KEK_WRONG", `${this.id}: what it opens has no 32 bytes`);
      const dek = Buffer.allocUnsafeSlow(dekBytes);
      dek.set(opened);
      return dek;
    } finally {
      opened.fill(0);
    }
  }

  close(): void {
    if (this.#open) this.#kms.close();
    this.#open = false;
  }

  #call<T>(operation: KmsOperation, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    return this.#caller.call(work, (error) => this.#kms.judge(error, operation));
  }
}

/**
 * Loads the client library of a service, an optional peer of this package.
 * @param load - `() => import("name")`: only there can the bundle of names stay typed.
 * @throws KEK_DRIVER_MISSING, with the command that installs it.
 */
export async function loadPeer<T>(
  name: string,
  version: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = Object(error) as { code?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    const detail = `npm install --save-exact ${name}@${version}`;
    throw new StrongroomError("KEK_DRIVER_MISSING", detail, { cause: error });
  }
}

/** Makes something when it is first needed, once; after a failure the next call tries again. */
export class Lazy<T> {
  readonly #make: () => Promise<T>;
  #made: Promise<T> | null = null;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  get(): Promise<T> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = null;
      throw error;
    });
    return this.#made;
  }

  /** Lets go of it: `end` ends it, if it was made. */
  end(end: (made: T) => void): void {
    this.#made?.then(end).catch(() => {});
    this.#made = null;
  }
}
