/**
 * The real keyspace over a store in memory, as tests of commands use it.
 * @module
 */
import { Databases } from "../../keyspace/databases.ts";
import { Resident } from "../../keyspace/resident.ts";
import { Shelf } from "../../keyspace/testing/shelf.ts";

const hashSeed = 7;

export class ResidentSubject {
  readonly shelf = new Shelf();
  readonly resident = new Resident(this.shelf, hashSeed);
  readonly keyspace = new Databases(this.resident, this.shelf);

  constructor(nowMs = 1_700_000_000_000) {
    this.shelf.attach(this.keyspace);
    this.keyspace.nowMs = nowMs;
    this.nextEntry();
  }

  /** Must come before each command. */
  nextEntry(): void {
    this.resident.index++;
  }

  /** Writes all that changed to the store and forgets it: the next command must load. */
  unload(): void {
    this.shelf.begin();
    this.shelf.land();
    this.resident.evictAll();
  }
}
