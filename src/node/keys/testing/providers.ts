/**
 * KEKs in the process, by name, that fail on demand: for tests of what a node does about them.
 * @module
 */
import { StrongroomError } from "../../../base/errors.ts";
import { TestKek } from "../../../control/testing/world.ts";
import type { KekProvider } from "../../../kek/provider.ts";

/** KEKs by name; `gone`: refused for good. */
export class Providers {
  readonly made = new Map<string, TestKek & { gone?: boolean }>();
  readonly open = async (spec: string): Promise<KekProvider> => {
    const byte = spec.charCodeAt(spec.length - 1);
    let kek = this.made.get(spec);
    if (kek === undefined) {
      kek = new TestKek(byte, spec);
      this.made.set(spec, kek);
    }
    const inner = kek;
    const gone = (): void => {
      if (inner.gone === true) throw new StrongroomError("KEK_DENIED", spec);
      if (inner.down) throw new StrongroomError("KEK_UNAVAILABLE", spec);
    };
    return {
      id: spec,
      provider: "test",
      wrap: async (dek, binding) => {
        gone();
        return inner.wrap(dek, binding);
      },
      unwrap: async (wrapped, binding) => {
        gone();
        return inner.unwrap(wrapped, binding);
      },
      close: () => {},
    };
  };
}
