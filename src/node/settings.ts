/**
 * Parameters of CONFIG that belong to the node.
 * @module
 */
import type { NodeOptions } from "./api.ts";
import type { EngineSettings } from "./port.ts";

const cacheBytesMin = 4 << 20;

export class NodeSettings implements EngineSettings {
  readonly names = ["cache-bytes", "clock"] as const;
  cacheBytes: number;
  clock: "guarded" | "trusted";

  constructor(options: NodeOptions) {
    this.cacheBytes = options.cacheBytes;
    this.clock = options.clock ?? "guarded";
  }

  get(name: string): string | null {
    if (name === "cache-bytes") return String(this.cacheBytes);
    return name === "clock" ? this.clock : null;
  }

  set(name: string, value: string): string | null {
    if (name === "clock") return this.setClock(value.toLowerCase());
    if (name !== "cache-bytes") return "Unknown option";
    if (!/^\d{1,15}$/.test(value) || Number(value) < cacheBytesMin)
      return `argument must be a number of bytes, at least ${cacheBytesMin}`;
    this.cacheBytes = Number(value);
    return null;
  }

  private setClock(value: string): string | null {
    if (value !== "guarded" && value !== "trusted")
      return "argument(s) must be one of the following: guarded, trusted";
    this.clock = value;
    return null;
  }
}
