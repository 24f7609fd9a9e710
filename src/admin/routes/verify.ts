/**
 * `POST /v1/topics/{topic}/partitions/{partition}/verify`: reads a partition from its first byte
 * on, beside the broker that serves it.
 */

import { createRoute, z } from "@hono/zod-openapi";
import type { Admin } from "../../client/admin.ts";
import { BrokerError } from "../../client/errors.ts";
import { ErrorCodes } from "../../format/errors.ts";
import type { AdminApp } from "../app.ts";
import { needs, problems } from "../describe.ts";
import type { Engine } from "../engine.ts";
import { linesOf } from "../line_schemas.ts";
import { HttpError } from "../problem.ts";
import { partitionNumber, topicName } from "../values.ts";
import { type PartitionVerifier, verifyStream } from "../verify_stream.ts";

const verifyPartition = createRoute({
  method: "post",
  path: "/v1/topics/{topic}/partitions/{partition}/verify",
  operationId: "verifyPartition",
  tags: ["topics"],
  summary: "Read a partition and say whether it is whole.",
  description: "Of the log what is below the last checkpoint: above it the broker is writing. " +
    "Neither clients nor other requests wait for it; partitions are verified one after another. " +
    "The answer is lines of JSON while it is going on, by their `kind`: `progress` (`doneBytes`, " +
    "`totalBytes`), `finding` (`severity` damage, warning, unread or note; `path`, `text`, " +
    "`advice`), and at last `summary` (`segments`, `batches`, `records`, `bytes`, and `findings` " +
    "by severity), or `failed` with a `message`. A client that goes away ends it.",
  security: needs("admin"),
  request: { params: z.object({ topic: topicName, partition: partitionNumber }) },
  responses: {
    200: {
      description: "It is going on.",
      content: { "application/x-ndjson": { schema: linesOf("VerifyLine") } },
    },
    ...problems("admin", ["topic_not_found", "partition_not_found"]),
  },
});

export function addVerifyRoutes(
  app: AdminApp,
  engine: Engine,
  verifier: PartitionVerifier | null,
): void {
  app.openapi(verifyPartition, async (c) => {
    const { topic, partition } = c.req.valid("param");
    await engine.use((admin) => mustBeThere(admin, topic, partition));
    if (verifier === null) throw new HttpError("http_starting");
    const lines = verifyStream(verifier, `${topic}-${partition}`);
    const headers = { "content-type": "application/x-ndjson" };
    return new Response(lines, { status: 200, headers }) as never; // the types know JSON and text
  });
}

/** Throws BrokerError. */
async function mustBeThere(admin: Admin, topic: string, partition: number): Promise<void> {
  const [state] = await admin.describeTopics([topic]);
  if (state === undefined || state.error !== 0) {
    throw new BrokerError(state?.error ?? ErrorCodes.topic_not_found, topic);
  }
  if (partition < state.partitions.length) return;
  const text = `${topic} has ${state.partitions.length} partitions`;
  throw new BrokerError(ErrorCodes.partition_not_found, text);
}
