/**
 * `/v1/groups`: which groups have committed offsets, how far they are behind, and setting where
 * they go on.
 */

import { createRoute, z } from "@hono/zod-openapi";
import type { AdminApp } from "../app.ts";
import { body, json, needs, OF_CHANGES, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { movesOf, resetWanted } from "../group_reset.ts";
import { groupStand, standOf } from "../group_stand.ts";
import { nextSchema, pageOf, pageQuery } from "../paging.ts";
import { groupName } from "../values.ts";

const tags = ["groups"];
const GROUP = "/v1/groups/{group}";

const params = z.object({ group: groupName });

const page = z.object({
  groups: z.array(
    z.object({
      group: z.string(),
      state: z.string().describe("empty: it has no members."),
      partitions: z.number().int().describe("In how many it has committed an offset."),
    }).openapi("GroupSummary"),
  ),
  next: nextSchema,
}).openapi("GroupPage");

const moves = z.object({
  group: z.string(),
  dryRun: z.boolean(),
  moves: z.array(z.object({
    topic: z.string(),
    partition: z.number().int(),
    before: z.number().int().nullable().describe("What was committed; null: nothing."),
    after: z.number().int(),
  })),
}).openapi("GroupMoves");

const listGroups = createRoute({
  method: "get",
  path: "/v1/groups",
  operationId: "listGroups",
  tags,
  summary: "Groups that have committed offsets, sorted by name.",
  security: needs("read"),
  request: {
    query: z.strictObject({
      ...pageQuery("name"),
      prefix: z.string().default("").describe("How names begin."),
      contains: z.string().default("").describe("What names contain."),
    }),
  },
  responses: {
    200: json(page, "A page of groups."),
    ...problems("read", ["group_loading"]),
  },
});

const getGroup = createRoute({
  method: "get",
  path: GROUP,
  operationId: "getGroup",
  tags,
  summary: "What a group has committed, and how far it is behind.",
  security: needs("read"),
  request: {
    params,
    query: z.strictObject({ topic: z.string().optional().describe("Only of this topic.") }),
  },
  responses: {
    200: json(groupStand, "The group."),
    ...problems("read", ["group_not_found", "group_loading", "invalid_group_id"]),
  },
});

const resetGroup = createRoute({
  method: "post",
  path: `${GROUP}/reset`,
  operationId: "resetGroup",
  tags,
  summary: "Set where a group goes on.",
  description: "Offsets are kept within what the partition holds. Consumers of the group see it " +
    "when they begin again.",
  security: needs("admin"),
  request: { params, body: body(resetWanted) },
  responses: {
    200: json(moves, "The offsets before and after; with `dryRun` nothing was committed."),
    ...problems("admin", [
      "topic_not_found",
      "partition_not_found",
      "group_not_found",
      "invalid_group_id",
      "group_loading",
      "too_many_offsets",
      ...OF_CHANGES,
    ], { body: true }),
  },
});

const deleteGroup = createRoute({
  method: "delete",
  path: GROUP,
  operationId: "deleteGroup",
  tags,
  summary: "Forget the offsets of a group.",
  security: needs("admin"),
  request: { params },
  responses: {
    204: { description: "Its consumers begin as if it had never committed." },
    ...problems("admin", ["group_not_found", "group_loading", "invalid_group_id", ...OF_CHANGES]),
  },
});

export function addGroupRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(listGroups, async (c) => {
    const { prefix, contains, ...wanted } = c.req.valid("query");
    const found = await engine.use((admin) => admin.listGroups(prefix));
    const all = found.filter(({ group }) => group.includes(contains));
    const { entries, next } = pageOf(all, ({ group }) => group, wanted);
    const groups = entries.map(({ group, state, offsets }) => {
      return { group, state, partitions: offsets };
    });
    return c.json({ groups, next }, 200);
  });
  app.openapi(getGroup, async (c) => {
    const { group } = c.req.valid("param");
    const { topic } = c.req.valid("query");
    return c.json(await engine.use((admin) => standOf(admin, group, topic)), 200);
  });
  app.openapi(resetGroup, async (c) => {
    const { group } = c.req.valid("param");
    const wanted = c.req.valid("json");
    const found = await engine.use(async (admin) => {
      const moved = await movesOf(admin, group, wanted);
      if (!wanted.dryRun) {
        await admin.commitGroupOffsets(
          group,
          moved.map(({ topic, partition, after }) => {
            return { topic, partition, offset: after };
          }),
        );
      }
      return moved;
    });
    return c.json({ group, dryRun: wanted.dryRun, moves: found }, 200);
  });
  app.openapi(deleteGroup, async (c) => {
    const { group } = c.req.valid("param");
    await engine.use((admin) => admin.deleteGroup(group));
    return c.body(null, 204);
  });
}
