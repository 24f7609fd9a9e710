/** What schemas of the HTTP door are in its OpenAPI document. */
import { OpenAPIHono, type z } from "@hono/zod-openapi";

/** By name. */
export function makeRegistry(
  schemas: Readonly<Record<string, z.ZodType>>,
): Readonly<Record<string, object>> {
  const app = new OpenAPIHono();
  for (const [name, schema] of Object.entries(schemas)) {
    app.openAPIRegistry.register(name, schema);
  }
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "schemas", version: "1" },
  });
  return (document.components?.schemas ?? {}) as Readonly<Record<string, object>>;
}
