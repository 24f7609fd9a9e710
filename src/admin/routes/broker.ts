/** `/v1/broker`: what runs here, and which of its partitions are not well. */

import { createRoute, z } from "@hono/zod-openapi";
import type { Admin } from "../../client/admin.ts";
import { VERSION } from "../../version.ts";
import type { AdminApp } from "../app.ts";
import { json, needs, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { PARTITION_STATES } from "../partition_states.ts";
import { runtimeOf } from "../runtime_info.ts";

const broker = z.object({
  version: z.string(),
  runtime: z.object({ name: z.string(), version: z.string() }),
  startedAt: z.iso.datetime().describe("When it was started."),
  nodes: z.array(z.object({
    nodeId: z.number().int(),
    host: z.string().describe("Where its native listener is reached."),
    port: z.number().int(),
  })).describe("One per shard."),
  node: z.object({
    nodeId: z.number().int(),
    nodeEpoch: z.number().int().describe("Grows by one at a start after an unclean stop."),
  }).describe("The node that answers."),
  unwell: z.array(z.object({
    topic: z.string(),
    partition: z.number().int(),
    state: z.enum(PARTITION_STATES),
  })).describe("Partitions that are not ok."),
}).openapi("Broker");

const getBroker = createRoute({
  method: "get",
  path: "/v1/broker",
  operationId: "getBroker",
  tags: ["broker"],
  summary: "What runs here.",
  security: needs("read"),
  responses: { 200: json(broker, "The broker."), ...problems("read") },
});

export function addBrokerRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(getBroker, async (c) => {
    const found = await engine.use(async (admin, connection) => {
      const { nodeId, nodeEpoch } = connection.broker;
      // Without a name it would describe every topic.
      const { nodes } = await admin.metadata(["-"]);
      return { nodes, node: { nodeId, nodeEpoch }, unwell: await unwellOf(admin) };
    });
    const startedAt = new Date(Math.floor(engine.startedMs)).toISOString();
    return c.json({ version: VERSION, runtime: runtimeOf(), startedAt, ...found }, 200);
  });
}

type Unwell = z.infer<typeof broker>["unwell"];

/** Every partition is asked about only where the counters say that some are not well. */
async function unwellOf(admin: Admin): Promise<Unwell> {
  const stats = await admin.stats();
  const isUnwell = stats.some(({ name, value }) => {
    return /^partitions_(degraded|failed)$/.test(name) && value > 0;
  });
  if (!isUnwell) return [];
  const topics = await admin.describeTopics();
  return topics.flatMap(({ name: topic, partitions }) => {
    return partitions.flatMap(({ state }, partition) => {
      return state === 0 ? [] : [{ topic, partition, state: PARTITION_STATES[state] ?? "failed" }];
    });
  });
}
