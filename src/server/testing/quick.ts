/**
 * The engine in memory that applies what was written at the end of the turn of the event loop.
 * @module
 */
import { FakeEngine } from "../../redis/testing/fake.ts";

export class QuickEngine extends FakeEngine {
  private scheduled = false;

  override write(...args: Parameters<FakeEngine["write"]>): void {
    super.write(...args);
    this.soon();
  }
  override exec(...args: Parameters<FakeEngine["exec"]>): void {
    super.exec(...args);
    this.soon();
  }
  private soon(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.apply();
    });
  }
}
