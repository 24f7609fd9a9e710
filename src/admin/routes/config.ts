/** `/v1/config`: the settings of the broker, where they come from, and changing them. */

import { createRoute, z } from "@hono/zod-openapi";
import { SETTING_SOURCES } from "../../client/admin.ts";
import type { AdminApp } from "../app.ts";
import { body, json, needs, OF_CHANGES, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { brokerChanges } from "../setting_schemas.ts";

const tags = ["config"];
const PATH = "/v1/config";

const settings = z.object({
  settings: z.array(z.object({
    key: z.string(),
    value: z.string().describe("In force; empty where there is none."),
    source: z.enum(SETTING_SOURCES),
    isChangeable: z.boolean().describe("It may be changed while the broker runs."),
    text: z.string().describe("What it means."),
  })).describe("Sorted by key."),
}).openapi("Settings");

const getConfig = createRoute({
  method: "get",
  path: PATH,
  operationId: "getConfig",
  tags,
  summary: "Every setting, its value, and where that comes from.",
  security: needs("read"),
  responses: { 200: json(settings, "The settings."), ...problems("read") },
});

const alterConfig = createRoute({
  method: "patch",
  path: PATH,
  operationId: "alterConfig",
  tags,
  summary: "Change settings of the running broker.",
  description: "In force and durable when it is answered; it outlives a restart.",
  security: needs("admin"),
  request: { body: body(z.strictObject({ config: brokerChanges }).openapi("SettingChanges")) },
  responses: {
    200: json(settings, "The settings, changed."),
    ...problems("admin", ["invalid_config", ...OF_CHANGES], { body: true }),
  },
});

export function addConfigRoutes(app: AdminApp, engine: Engine): void {
  app.openapi(getConfig, async (c) => {
    return c.json({ settings: await engine.use((admin) => admin.config()) }, 200);
  });
  app.openapi(alterConfig, async (c) => {
    const { config } = c.req.valid("json");
    const found = await engine.use(async (admin) => {
      await admin.alterConfig(config);
      return await admin.config();
    });
    return c.json({ settings: found }, 200);
  });
}
