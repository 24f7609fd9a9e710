/**
 * The Hono app: every route with its description, and how errors become problems. One description
 * gives validation, the types of the handler, the gate's rule and the OpenAPI document.
 *
 *     describe (createRoute) -> validate (zod) -> handle -> c.json | throw
 *
 * To add routes: a file in routes/ with one function that adds them to the app, and its line in
 * `makeApp`.
 *
 * Invariant: the app is asked only for what the gate admitted (gate.ts).
 */

import { OpenAPIHono } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { trace } from "../base/trace.ts";
import type { Engine } from "./engine.ts";
import type { Admission } from "./gate.ts";
import type { HttpStats } from "./http_stats.ts";
import { registerLines } from "./line_schemas.ts";
import { HttpError, type Issue, type Problem, problemHeaders, problemOf } from "./problem.ts";
import { BEARER, type RouteDescription, RouteTable } from "./route_table.ts";
import { addBrokerRoutes } from "./routes/broker.ts";
import { addConfigRoutes } from "./routes/config.ts";
import { addConnectionRoutes } from "./routes/connections.ts";
import { addGroupRoutes } from "./routes/groups.ts";
import { addHealthRoutes } from "./routes/health.ts";
import { addMetricsRoutes } from "./routes/metrics.ts";
import { addRecordRoutes } from "./routes/records.ts";
import { addReferenceRoutes } from "./routes/reference.ts";
import { addStreamRoutes, type StreamServices } from "./routes/streams.ts";
import { addTopicRoutes } from "./routes/topics.ts";
import { addVerifyRoutes } from "./routes/verify.ts";
import type { PartitionVerifier } from "./verify_stream.ts";

/** What a handler finds beside the request. */
export interface AdminEnv {
  Bindings: {
    readonly admission: Admission;
    /** Name, value, name, value … as they came. */
    readonly rawHeaders: readonly string[];
    /** Ends the connection at once. */
    readonly cut: () => void;
  };
}

export type AdminApp = OpenAPIHono<AdminEnv>;

/** What the routes need beside the broker. */
export interface AdminServices extends StreamServices {
  readonly stats: HttpStats;
  /** Null: there is nobody who could. */
  readonly verifier: PartitionVerifier | null;
}

export function makeApp(
  engine: Engine,
  services: AdminServices,
): { app: AdminApp; routes: RouteTable } {
  const app: AdminApp = new OpenAPIHono<AdminEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.target, result.error.issues);
    },
  });
  app.use("*", async (c, next) => {
    await next();
    const { rule, scope } = c.env.admission;
    if (rule.isTraced) {
      trace("info", `http: ${c.req.method} ${c.req.path} ${c.res.status} (${scope})`);
    }
  });
  app.onError((error) => answer(error instanceof HTTPException ? malformed(error) : error));
  app.notFound(() => answer(new HttpError("http_path_not_found")));
  app.openAPIRegistry.registerComponent("securitySchemes", BEARER, {
    type: "http",
    scheme: "bearer",
    description: "A token from a file of the data directory: http-admin.token, http-read.token.",
  });
  registerLines(app);
  addHealthRoutes(app, engine);
  addBrokerRoutes(app, engine);
  addTopicRoutes(app, engine);
  addGroupRoutes(app, engine);
  addConnectionRoutes(app, engine);
  addConfigRoutes(app, engine);
  addRecordRoutes(app, engine);
  addStreamRoutes(app, engine, services, () => routes);
  addVerifyRoutes(app, engine, services.verifier);
  addMetricsRoutes(app, engine, services.stats);
  addReferenceRoutes(app);
  const routes = new RouteTable(descriptionsOf(app));
  return { app, routes };
}

export function descriptionsOf(app: AdminApp): RouteDescription[] {
  return app.openAPIRegistry.definitions.flatMap((definition) => {
    return definition.type === "route" ? [definition.route as unknown as RouteDescription] : [];
  });
}

/** A problem as a response. */
export function problemResponse(told: Problem): Response {
  const status = told.status as ContentfulStatusCode;
  return new Response(JSON.stringify(told), { status, headers: problemHeaders(told) });
}

function answer(error: unknown): Response {
  return problemResponse(problemOf(error));
}

/** Hono throws it for a body that is no JSON. */
function malformed(error: HTTPException): unknown {
  return error.status === 400 ? new HttpError("http_invalid_request", error.message) : error;
}

function invalid(
  target: string,
  found: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): HttpError {
  const part = target === "json" ? "body" : target === "param" ? "path" : target;
  const issues: Issue[] = found.map(({ path, message }) => {
    return { at: [part, ...path.map(String)].join("."), message };
  });
  return new HttpError("http_invalid_request", "", issues);
}
