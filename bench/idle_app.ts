/**
 * The least that a server in TypeScript is: an empty Hono app. What Sluice costs at rest is told
 * beside it (bench/idle.ts).
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import process from "node:process";

const app = new Hono();
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  process.stdout.write(`http 127.0.0.1:${port}\nready\n`);
});
