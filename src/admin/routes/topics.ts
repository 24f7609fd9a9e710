/**
 * `/v1/topics`: list, create, describe, alter and delete topics, add partitions, delete records.
 * What changes something is answered when the change is durable and in force.
 */

import { createRoute, z } from "@hono/zod-openapi";
import type { Admin, TopicListing } from "../../client/admin.ts";
import { isInternalTopic } from "../../format/internal_topics.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../../limits.ts";
import type { AdminApp } from "../app.ts";
import { body, json, needs, OF_CHANGES, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { nextSchema, pageOf, pageQuery } from "../paging.ts";
import { newTopicSettings, topicChanges } from "../setting_schemas.ts";
import { topicDetail, topicDetailOf } from "../topic_detail.ts";
import { offsetNumber, partitionNumber, topicName } from "../values.ts";

const tags = ["topics"];
const TOPIC = "/v1/topics/{topic}";

const partitions = z.number().int().min(1).max(PARTITIONS_PER_TOPIC_MAX);

const summary = z.object({
  name: z.string(),
  topicId: z.string(),
  internal: z.boolean().describe("The broker's own."),
  partitions: z.number().int(),
  sizeBytes: z.number().int().describe("Bytes of batches on disk."),
  config: z.record(z.string(), z.string()).describe("All settings in force."),
}).openapi("TopicSummary");

const page = z.object({ topics: z.array(summary), next: nextSchema }).openapi("TopicPage");

const created = z.strictObject({
  name: topicName,
  partitions: partitions.default(1),
  config: newTopicSettings,
}).openapi("NewTopic");

const altered = z.strictObject({ config: topicChanges }).openapi("TopicChanges");

const params = z.object({ topic: topicName });
const partitionParams = z.object({ topic: topicName, partition: partitionNumber });

const listTopics = createRoute({
  method: "get",
  path: "/v1/topics",
  operationId: "listTopics",
  tags,
  summary: "Topics, sorted by name.",
  security: needs("read"),
  request: {
    query: z.strictObject({
      ...pageQuery("name"),
      prefix: z.string().default("").describe("How names begin."),
      contains: z.string().default("").describe("What names contain."),
      internal: z.enum(["true", "false"]).default("false").describe("The broker's own too."),
    }),
  },
  responses: { 200: json(page, "A page of topics."), ...problems("read") },
});

const createTopic = createRoute({
  method: "post",
  path: "/v1/topics",
  operationId: "createTopic",
  tags,
  summary: "Create a topic.",
  security: needs("admin"),
  request: { body: body(created) },
  responses: {
    201: {
      ...json(topicDetail, "The topic is durable and open."),
      headers: { location: { schema: { type: "string" as const }, description: "Its path." } },
    },
    ...problems("admin", [
      "topic_exists",
      "invalid_topic_name",
      "invalid_partitions",
      "invalid_config",
      "topic_is_internal",
      ...OF_CHANGES,
    ], { body: true }),
  },
});

const getTopic = createRoute({
  method: "get",
  path: TOPIC,
  operationId: "getTopic",
  tags,
  summary: "A topic with its partitions.",
  security: needs("read"),
  request: { params },
  responses: {
    200: json(topicDetail, "The topic."),
    ...problems("read", ["topic_not_found"]),
  },
});

const alterTopic = createRoute({
  method: "patch",
  path: TOPIC,
  operationId: "alterTopic",
  tags,
  summary: "Change settings of a topic.",
  security: needs("admin"),
  request: { params, body: body(altered) },
  responses: {
    200: json(topicDetail, "The topic, changed."),
    ...problems(
      "admin",
      ["topic_not_found", "invalid_config", "topic_is_internal", ...OF_CHANGES],
      {
        body: true,
      },
    ),
  },
});

const deleteTopic = createRoute({
  method: "delete",
  path: TOPIC,
  operationId: "deleteTopic",
  tags,
  summary: "Delete a topic and its records.",
  security: needs("admin"),
  request: { params },
  responses: {
    204: { description: "It is gone for good; its disk space is freed afterwards." },
    ...problems("admin", ["topic_not_found", "topic_is_internal", ...OF_CHANGES]),
  },
});

const addPartitions = createRoute({
  method: "put",
  path: `${TOPIC}/partitions`,
  operationId: "addPartitions",
  tags,
  summary: "Give a topic more partitions.",
  description: "Keys are found in other partitions from then on.",
  security: needs("admin"),
  request: {
    params,
    body: body(
      z.strictObject({ partitions: partitions.describe("In all.") }).openapi("PartitionCount"),
    ),
  },
  responses: {
    200: json(topicDetail, "The topic with its new partitions."),
    ...problems("admin", [
      "topic_not_found",
      "invalid_partitions",
      "topic_is_internal",
      ...OF_CHANGES,
    ], { body: true }),
  },
});

const deleteRecords = createRoute({
  method: "delete",
  path: `${TOPIC}/partitions/{partition}/records`,
  operationId: "deleteRecords",
  tags,
  summary: "Delete the records of a partition below an offset.",
  security: needs("admin"),
  request: {
    params: partitionParams,
    query: z.strictObject({
      before: z.union([z.literal("end"), offsetNumber]).describe(
        'The first offset that stays; "end": all that are visible are deleted.',
      ),
    }),
  },
  responses: {
    200: json(
      z.object({ logStart: z.number().int().describe("The first offset.") }).openapi("LogStart"),
      "They are gone for good.",
    ),
    ...problems("admin", [
      "topic_not_found",
      "partition_not_found",
      "offset_out_of_range",
      "partition_degraded",
      "topic_is_internal",
      ...OF_CHANGES,
    ]),
  },
});

export function addTopicRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(listTopics, async (c) => {
    const { prefix, contains, internal, ...wanted } = c.req.valid("query");
    const found = await engine.use(async (admin) => {
      const all = (await admin.listTopics()).filter(({ name }) => {
        return name.startsWith(prefix) && name.includes(contains) &&
          (internal === "true" || !isInternalTopic(name));
      });
      const { entries, next } = pageOf(all, ({ name }) => name, wanted);
      return { topics: await summariesOf(admin, entries), next };
    });
    return c.json(found, 200);
  });
  app.openapi(createTopic, async (c) => {
    const { name, ...options } = c.req.valid("json");
    const detail = await engine.use(async (admin) => {
      await admin.createTopic(name, options);
      return await topicDetailOf(admin, name);
    });
    return c.json(detail, 201, { location: `/v1/topics/${name}` });
  });
  app.openapi(getTopic, async (c) => {
    const { topic } = c.req.valid("param");
    return c.json(await engine.use((admin) => topicDetailOf(admin, topic)), 200);
  });
  app.openapi(alterTopic, async (c) => {
    const { topic } = c.req.valid("param");
    const { config } = c.req.valid("json");
    const detail = await engine.use(async (admin) => {
      await admin.alterTopic(topic, config);
      return await topicDetailOf(admin, topic);
    });
    return c.json(detail, 200);
  });
  app.openapi(deleteTopic, async (c) => {
    const { topic } = c.req.valid("param");
    await engine.use((admin) => admin.deleteTopic(topic));
    return c.body(null, 204);
  });
  app.openapi(addPartitions, async (c) => {
    const { topic } = c.req.valid("param");
    const { partitions: count } = c.req.valid("json");
    const detail = await engine.use(async (admin) => {
      await admin.addPartitions(topic, count);
      return await topicDetailOf(admin, topic);
    });
    return c.json(detail, 200);
  });
  app.openapi(deleteRecords, async (c) => {
    const { topic, partition } = c.req.valid("param");
    const { before } = c.req.valid("query");
    const logStart = await engine.use((admin) => admin.deleteRecords(topic, partition, before));
    return c.json({ logStart }, 200);
  });
}

type Summary = z.infer<typeof summary>;

/** Settings and sizes of a page's topics alone; one that was deleted meanwhile is left out. */
async function summariesOf(admin: Admin, page: readonly TopicListing[]): Promise<Summary[]> {
  if (page.length === 0) return [];
  const names = page.map(({ name }) => name);
  // One after the other: together they would be one long turn of the shard's loop.
  const states = await admin.describeTopics(names);
  const described = await admin.topics(names);
  const sizes = new Map(
    states.filter(({ error }) => error === 0).map(({ topicId, ...state }) => {
      return [topicId, state.partitions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)];
    }),
  );
  const settings = new Map(described.map(({ topicId, config }) => [topicId, config]));
  return page.flatMap(({ name, topicId, partitions }) => {
    const sizeBytes = sizes.get(topicId);
    const config = settings.get(topicId);
    if (sizeBytes === undefined || config === undefined) return [];
    return [{
      name,
      topicId,
      internal: isInternalTopic(name),
      partitions,
      sizeBytes,
      config: Object.fromEntries(config.map(({ key, value }) => [key, value])),
    }];
  });
}
