/**
 * What a line of `serve --log-format json` holds: the one description of it. `serve` itself makes
 * the lines without the library; whoever reads them may check them.
 *
 *     {"time":"2026-01-31T12:00:00.000Z","level":"info","event":"message","message":"syncs …"}
 *     {"time":"…","level":"info","event":"listening","listener":"native","address":"…"}
 *     {"time":"…","level":"info","event":"ready"}
 */

import { z } from "zod";

type Said = { time: string; level: "debug" | "info" | "warning" | "error" };

export type ServeLine =
  | Said & { event: "message"; message: string }
  | Said & { event: "listening"; listener: string; address: string }
  | Said & { event: "ready" };

export const serveLine: z.ZodType<ServeLine> = makeSchema();

function makeSchema(): z.ZodType<ServeLine> {
  const said = { time: z.iso.datetime(), level: z.enum(["debug", "info", "warning", "error"]) };
  const address = { listener: z.string(), address: z.string() };
  return z.discriminatedUnion("event", [
    z.strictObject({ ...said, event: z.literal("message"), message: z.string() }),
    z.strictObject({ ...said, event: z.literal("listening"), ...address }),
    z.strictObject({ ...said, event: z.literal("ready") }),
  ]);
}
