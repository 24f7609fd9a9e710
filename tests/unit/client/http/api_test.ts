/**
 * The generated methods: one for each operation of the document, and types that refuse what the
 * door would refuse. The types are checked by the compilers, `npm run check`: an expected error
 * that does not come is one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { descriptionsOf, makeApp } from "../../../../src/admin/app.ts";
import { Engine } from "../../../../src/admin/engine.ts";
import { HttpStats } from "../../../../src/admin/http_stats.ts";
import { StreamPlaces } from "../../../../src/admin/records/stream_places.ts";
import { Tickets } from "../../../../src/admin/tickets.ts";
import { HttpApi } from "../../../../src/client/http/api.ts";
import type { TopicPage, VerifyLine } from "../../../../src/client/http/schemas.ts";

test("there is a method for every operation, and no other", () => {
  const recovery = { partitionsDone: 0, partitions: 0, scannedBytes: 0 };
  const engine = new Engine("", { startedMs: 0, isServing: false, recovery });
  const { app } = makeApp(engine, {
    tickets: new Tickets(() => 0),
    places: new StreamPlaces(1),
    stats: new HttpStats(),
    verifier: null,
  });
  const operations = descriptionsOf(app).map(({ operationId }) => operationId);
  const methods = Object.getOwnPropertyNames(HttpApi.prototype)
    .filter((name) => name !== "constructor")
    .map((name) => name.replace(/(Lines|Bytes|Text|InOpenMetrics)$/, ""));
  assert.deepEqual([...new Set(methods)].sort(), operations.sort());
});

void wrongCalls;

/** Never called: that it compiles is the test. */
async function wrongCalls(api: HttpApi): Promise<void> {
  await api.createTopic({ body: { name: "orders", partitions: 4 } });
  // @ts-expect-error a topic has a name
  await api.createTopic({ body: { partitions: 4 } });
  // @ts-expect-error a number is no text
  await api.createTopic({ body: { name: "orders", partitions: "4" } });
  // @ts-expect-error there is no such setting
  await api.createTopic({ body: { name: "orders", config: { "retention.msec": 1 } } });
  // @ts-expect-error a body is wanted
  await api.createTopic({});
  // @ts-expect-error there is no such operation
  await api.makeTopic({ body: { name: "orders" } });

  await api.alterTopic({ topic: "orders", body: { config: { durability: null } } });
  // @ts-expect-error none of the levels
  await api.alterTopic({ topic: "orders", body: { config: { durability: "sync" } } });

  const page: TopicPage = await api.listTopics();
  const next: string | null = page.next;
  // @ts-expect-error there may be no next page
  const surely: string = page.next;
  // @ts-expect-error not the other way round
  await api.listTopics({ order: "up" });
  // @ts-expect-error there is no such parameter
  await api.listTopics({ befor: next });
  // @ts-expect-error answers are not to be changed
  page.topics[0]!.name = surely;

  await api.resetGroup({ group: "g", body: { topic: "t", to: { shift: -3 }, dryRun: true } });
  // @ts-expect-error one of offset, time and shift
  await api.resetGroup({ group: "g", body: { topic: "t", to: { back: 3 } } });
  // @ts-expect-error the group is in the path
  await api.resetGroup({ body: { topic: "t", to: "end" } });

  await api.produceRecords({ topic: "t", body: { value: { any: ["JSON"] } } });
  // @ts-expect-error there is no such field
  await api.produceRecords({ topic: "t", body: { valeu: 1 } });
  await api.produceRecordsBytes({ topic: "t", body: new Uint8Array(1) });
  // @ts-expect-error text goes into produceRecordsText
  await api.produceRecordsBytes({ topic: "t", body: "text" });
  // @ts-expect-error lines are of records
  api.produceRecordsLines({ topic: "t", body: ["text"] });

  for await (const line of api.verifyPartition({ topic: "t", partition: 0 })) {
    const known: VerifyLine["kind"] = line.kind;
    // @ts-expect-error only a summary has it
    if (known !== "summary") line.records.toFixed();
    if (line.kind === "summary") line.records.toFixed();
  }
  // @ts-expect-error nothing is answered
  (await api.deleteTopic({ topic: "t" })).name;
}
