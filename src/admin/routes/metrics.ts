/**
 * `/metrics`: the numbers of the broker for Prometheus, in its text format or in OpenMetrics, as
 * `Accept` says. What is gathered is in metrics/.
 */

import { createRoute, z } from "@hono/zod-openapi";
import type { AdminApp } from "../app.ts";
import { needs, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import type { HttpStats } from "../http_stats.ts";
import { MetricsCollector } from "../metrics/collect.ts";
import { exposition, typeWanted } from "../metrics/exposition.ts";

const getMetrics = createRoute({
  method: "get",
  path: "/metrics",
  operationId: "getMetrics",
  tags: ["metrics"],
  summary: "The numbers of the broker, for Prometheus.",
  description: "In OpenMetrics where `Accept` prefers it. Topics and groups are told one by one " +
    "up to a limit; the other topics stand together as `(other)`.",
  security: needs("read"),
  responses: {
    200: {
      description: "The metrics.",
      content: {
        "text/plain": { schema: z.string() },
        "application/openmetrics-text": { schema: z.string() },
      },
    },
    ...problems("read"),
  },
});

export function addMetricsRoutes(app: AdminApp, engine: Engine, http: HttpStats): void {
  const collector = new MetricsCollector(engine, http);
  app.openapi(getMetrics, async (c) => {
    const wanted = typeWanted(c.req.header("accept") ?? "");
    const { text, contentType } = await exposition(await collector.families(), wanted);
    return new Response(text, { status: 200, headers: { "content-type": contentType } });
  });
}
