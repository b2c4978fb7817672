// Goal: replies are those of redis-server 7.0, byte for byte, whatever of the data is resident.
// Method: recorded scripts over the simplest keyspace, over the real one, and over the real one
// from which everything is evicted before each command.
import { OracleKeyspace } from "./testing/oracle.ts";
import { ResidentSubject } from "./testing/resident.ts";
import { commandSuite } from "./testing/suite.ts";

commandSuite("oracle", () => {
  const keyspace = new OracleKeyspace();
  return { keyspace, putList: (key) => keyspace.putList(0, key.toString("latin1")) };
});

commandSuite("resident", () => {
  const subject = new ResidentSubject();
  return { keyspace: subject.keyspace, before: () => subject.nextEntry() };
});

commandSuite("evicted", () => {
  const subject = new ResidentSubject();
  const before = (): void => {
    subject.unload();
    subject.nextEntry();
  };
  return { keyspace: subject.keyspace, before };
});
