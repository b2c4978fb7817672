/**
 * Parameters of CONFIG that belong to the node.
 * @module
 */
import type { EngineSettings } from "./port.ts";

const cacheBytesMin = 4 << 20;

export class NodeSettings implements EngineSettings {
  readonly names = ["cache-bytes"] as const;
  cacheBytes: number;

  constructor(cacheBytes: number) {
    this.cacheBytes = cacheBytes;
  }

  get(name: string): string | null {
    return name === "cache-bytes" ? String(this.cacheBytes) : null;
  }

  set(name: string, value: string): string | null {
    if (name !== "cache-bytes") return "Unknown option";
    if (!/^\d{1,15}$/.test(value) || Number(value) < cacheBytesMin)
      return `argument must be a number of bytes, at least ${cacheBytesMin}`;
    this.cacheBytes = Number(value);
    return null;
  }
}
