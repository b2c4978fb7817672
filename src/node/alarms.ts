/**
 * Counts what needed an operator's attention, by event and by code, on its way to whoever is told.
 * @module
 */

export type Alarm = (event: string, detail: string) => void;

/** Events and codes are words of this program; the bound only guards against a mistake. */
const kindsMax = 256;

function bump(counts: Map<string, number>, name: string): void {
  if (counts.size < kindsMax || counts.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
}

export class AlarmTally {
  readonly events = new Map<string, number>();
  readonly codes = new Map<string, number>();
  readonly alarm: Alarm;

  constructor(tell: Alarm) {
    this.alarm = (event, detail) => {
      bump(this.events, event);
      const code = /\[([A-Z][A-Z0-9_]+)\]/.exec(detail)?.[1];
      if (code !== undefined) bump(this.codes, code);
      tell(event, detail);
    };
  }
}
