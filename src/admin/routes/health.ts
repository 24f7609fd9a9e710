/**
 * `/livez` and `/readyz`, which anybody may ask: they name no topic and change nothing.
 *
 *     /livez    this process answers                           always 200
 *     /readyz   clients are served, and how the disk is        200, or 503 while they are not
 */

import { createRoute, z } from "@hono/zod-openapi";
import { DISK_STATES } from "../../client/admin.ts";
import type { AdminApp } from "../app.ts";
import { json, needs, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { problemOf } from "../problem.ts";

const ready = z.object({
  status: z.enum(["ready", "recovering", "stopping", "unreachable"]).describe(
    "ready: clients are served. recovering: partitions are being looked at after a stop that was " +
      "not clean. unreachable: the shard does not answer.",
  ),
  recovery: z.object({
    partitionsDone: z.number().int(),
    partitions: z.number().int(),
    scannedBytes: z.number().int().describe("Of logs that were read to see if they are whole."),
  }).optional().describe("While recovering."),
  partitions: z.object({
    count: z.number().int(),
    degraded: z.number().int().describe("Damaged: they serve what is whole, and take nothing."),
    failed: z.number().int().describe("Their storage failed."),
  }).optional(),
  disk: z.object({
    state: z.enum(DISK_STATES).describe("full: reads go on, records are refused for now."),
    freeBytes: z.number().int(),
    totalBytes: z.number().int(),
  }).optional(),
}).openapi("Readiness");

type Readiness = z.infer<typeof ready>;

const livez = createRoute({
  method: "get",
  path: "/livez",
  operationId: "isLive",
  tags: ["health"],
  summary: "Does the process answer?",
  security: needs("none"),
  responses: {
    200: json(z.object({ status: z.literal("live") }).openapi("Liveness"), "It does."),
    ...problems("none"),
  },
});

const readyz = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "isReady",
  tags: ["health"],
  summary: "Are clients served?",
  description: "A full disk and damaged partitions are told, and are no reason to send clients " +
    "away: what is stored is served.",
  security: needs("none"),
  responses: {
    200: json(ready, "They are."),
    503: json(ready, "Not yet, or not any more."),
    ...problems("none"),
  },
});

export function addHealthRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(livez, (c) => c.json({ status: "live" as const }, 200));
  app.openapi(readyz, async (c) => {
    const found = await readinessOf(engine);
    return found.status === "ready" ? c.json(found, 200) : c.json(found, 503);
  });
}

async function readinessOf(engine: Engine): Promise<Readiness> {
  if (engine.state === "recovering") return { status: "recovering", recovery: engine.recovery };
  if (engine.state === "stopping") return { status: "stopping" };
  try {
    const found = await engine.use((admin) => admin.health());
    const { partitions: count, degraded, failed, diskState } = found;
    return {
      status: "ready",
      partitions: { count, degraded, failed },
      disk: {
        state: DISK_STATES[diskState] ?? "ok",
        freeBytes: found.diskFreeBytes,
        totalBytes: found.diskTotalBytes,
      },
    };
  } catch (error) {
    problemOf(error); // traces what is a bug
    return { status: "unreachable" };
  }
}
