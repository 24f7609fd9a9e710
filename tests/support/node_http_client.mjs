/**
 * A program on Node that uses the typed client of the HTTP door as the npm package has it, in each
 * of its ways: `node node_http_client.mjs CLIENT URL`, the token in SLUICE_TOKEN. Says what it saw
 * as one line of JSON. Run by tests/e2e/client_node_test.ts.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";

const [, , client, url] = process.argv;
const { HttpApi, ProblemError } = await import(pathToFileURL(client).href);
const api = new HttpApi({ url, token: process.env["SLUICE_TOKEN"] });
const topic = "node";

await api.createTopic({ body: { name: topic } });
await api.produceRecordsBytes({ topic, body: new TextEncoder().encode("one") });
let acknowledged = 0;
for await (const line of api.produceRecordsLines({ topic, body: records() })) {
  acknowledged = line.acknowledged ?? acknowledged;
}
const values = [];
for await (const { value } of api.readRecordsLines({ topic })) values.push(value);
let event = null;
for await (const { data } of api.streamRecords({ topic, from: "earliest" })) {
  event = JSON.parse(data).value;
  break;
}
let kind = null;
for await (const line of api.verifyPartition({ topic, partition: 0 })) kind = line.kind;
let problem = null;
try {
  await api.createTopic({ body: { name: topic } });
} catch (error) {
  if (error instanceof ProblemError) problem = [error.name, error.status];
}
process.stdout.write(`${JSON.stringify({ values, acknowledged, event, kind, problem })}\n`);

async function* records() {
  yield { value: "two" };
  yield { value: "three" };
}
