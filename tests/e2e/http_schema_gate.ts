/**
 * schemathesis (PyPI) asks a running broker for everything that its OpenAPI document describes,
 * and for much that it does not, with all checks: no error of the server, no answer that is not
 * described, nothing refused that fits the description and nothing taken that does not.
 *
 *     npm run gate -- http_schema      installs it for Python first, once per machine
 *
 * Twice: with names that it makes up, and with those of a topic and a group that there are.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before } from "node:test";
import { Connection } from "../../src/client/connection.ts";
import { type Broker, startBroker } from "../support/broker.ts";
import { figure } from "../support/figures.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { packagesFolder, packagesMissing, PYTHON } from "../support/python_packages.ts";
import { ROOT } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const NAME = "schemathesis-4.32.5";
const PACKAGES = ["schemathesis==4.32.5"];
const CONFIG = join(ROOT, "tests/schema/schemathesis.toml");
const START = "from schemathesis.cli import schemathesis; schemathesis()";
/** For each operation and phase. */
const EXAMPLES = process.env["SLUICE_SCHEMA_EXAMPLES"] ?? "10";
/** So that a failure comes again. */
const SEED = "7";

const reason = packagesMissing(NAME, PACKAGES);
const folder = temporaryDirectory("schema");
const data = join(folder, "d");
let broker: Broker;
let door: HttpDoor;

before(async () => {
  broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
  door = await HttpDoor.of(broker, data);
});

after(async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.doesNotMatch(broker.stderr(), / error /, "nothing of it was a bug");
});

testOrSkip(`schemathesis, with names of its own, broker on ${BROKER_RUNTIME}`, reason, async () => {
  await asked({});
});

testOrSkip(`schemathesis, with what there is, broker on ${BROKER_RUNTIME}`, reason, async () => {
  const topic = { name: "orders", partitions: 2 };
  await door.json(201, { method: "POST", target: "/v1/topics", body: topic });
  const records = Array.from({ length: 100 }, (_, index) => ({ key: `${index}`, value: "v" }));
  await door.json(200, { method: "POST", target: "/v1/topics/orders/records", body: records });
  const to = { topic: "orders", to: { offset: 1 } };
  await door.json(200, { method: "POST", target: "/v1/groups/billing/reset", body: to });
  const client = { clientName: "schema" };
  const native = await Connection.connect({ host: "127.0.0.1", port: broker.port }, client);
  const { connections } = await door.get("/v1/connections?clientName=schema") as {
    connections: { id: number }[];
  };
  const fixed = {
    "path.topic": "orders",
    "path.group": "billing",
    "path.id": connections[0]!.id,
    "query.waitMs": 10,
  };
  // They would be gone; and a name that is fixed is never wrong, whatever is meant to be.
  const kept = ["deleteTopic", "deleteGroup"].flatMap((id) => ["--exclude-operation-id", id]);
  await asked(fixed, [...kept, "--exclude-checks", "negative_data_rejection"]);
  native.close();
});

/** `fixed`: parameters that are not made up. Fails with what it found. */
async function asked(fixed: object, options: readonly string[] = []): Promise<void> {
  const config = join(folder, "schemathesis.toml");
  const table = Object.entries(fixed).map(([name, value]) => {
    return `"${name}" = ${JSON.stringify(value)}`;
  });
  const parameters = `parameters = { ${table.join(", ")} }\n`;
  writeFileSync(config, parameters + readFileSync(CONFIG, "utf8"));
  const { host, port } = door.place as { host: string; port: number };
  const url = `http://${host}:${port}`;
  const child = spawn(PYTHON, [
    "-B",
    "-c",
    START,
    "--config-file",
    config,
    "run",
    `${url}/openapi.json`,
    "--url",
    url,
    "--header",
    `Authorization:Bearer ${door.tokens.admin}`,
    "--checks",
    "all",
    "--max-examples",
    EXAMPLES,
    "--seed",
    SEED,
    ...options,
  ], {
    cwd: folder,
    env: { ...process.env, PYTHONPATH: packagesFolder(NAME), PYTHONDONTWRITEBYTECODE: "1" },
  });
  let said = "";
  child.stdout.on("data", (piece) => (said += piece));
  child.stderr.on("data", (piece) => (said += piece));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, said);
  const cases = /(\d+) generated/.exec(said)?.[1];
  figure(`schemathesis: ${cases} cases, no failure`);
}
