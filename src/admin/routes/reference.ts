/**
 * `/openapi.json` and `/docs`: the description of every route, for programs and for people, from
 * the program itself. Neither needs a token: they say no more than the source does.
 */

import { createRoute, z } from "@hono/zod-openapi";
import { VERSION } from "../../version.ts";
import type { AdminApp } from "../app.ts";
import { needs, problems } from "../describe.ts";
import { pageHeaders, referencePage } from "../reference_page.ts";
import type { OpenApiDocument } from "../reference_page.ts";

const INFO = {
  title: "Sluice",
  version: VERSION,
  description: "Administration of a Sluice broker. Errors are problem+json, from the table that " +
    "all its doors share.",
  license: { name: "Apache-2.0", identifier: "Apache-2.0" },
};

const TAGS = [
  { name: "health", description: "For whoever watches the process." },
  { name: "broker", description: "What runs here." },
  { name: "topics", description: "Topics, their partitions and their settings." },
  { name: "records", description: "Producing, reading and following them." },
  { name: "groups", description: "What groups have committed." },
  { name: "connections", description: "Clients of the native listener." },
  { name: "config", description: "Settings of the broker." },
  { name: "metrics", description: "Numbers for Prometheus." },
  { name: "reference", description: "This description." },
];

const openapi = createRoute({
  method: "get",
  path: "/openapi.json",
  operationId: "getOpenApi",
  tags: ["reference"],
  summary: "This description, as OpenAPI 3.1.",
  security: needs("none"),
  responses: {
    200: {
      description: "The document.",
      content: { "application/json": { schema: z.looseObject({ openapi: z.string() }) } },
    },
    ...problems("none"),
  },
});

const docs = createRoute({
  method: "get",
  path: "/docs",
  operationId: "getDocs",
  tags: ["reference"],
  summary: "This description, for people.",
  security: needs("none"),
  responses: {
    200: { description: "A page.", content: { "text/html": { schema: z.string() } } },
    ...problems("none"),
  },
});

export function addReferenceRoutes(app: AdminApp): void {
  let document: OpenApiDocument | null = null;
  let page: string | null = null;
  const made = (): OpenApiDocument => document ??= openApiOf(app);
  app.openapi(openapi, (c) => c.json(made() as unknown as { openapi: string }, 200));
  app.openapi(docs, () => {
    page ??= referencePage(made());
    return new Response(page, { status: 200, headers: pageHeaders });
  });
}

export function openApiOf(app: AdminApp): OpenApiDocument {
  const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: INFO, tags: TAGS });
  return document as unknown as OpenApiDocument;
}
