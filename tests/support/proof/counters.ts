/** Single counters of a broker, as `sluice stats` names them. */
import assert from "node:assert/strict";
import { Admin } from "../../../src/client/admin.ts";
import { Connection } from "../../../src/client/connection.ts";

/** Fails when the broker has no counter of that name. */
export async function counter(port: number, name: string): Promise<number> {
  const connection = await Connection.connect({ host: "127.0.0.1", port });
  try {
    const counters = await new Admin(connection).stats();
    const found = counters.find((one) => one.name === name);
    assert.ok(found !== undefined, `stats has a counter ${name}`);
    return found.value;
  } finally {
    connection.close();
  }
}
