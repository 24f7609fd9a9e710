/**
 * Segments that come and go leave no memory behind. Each lives through a collection of young
 * objects, and whoever collects those alone keeps it: 4 KiB for each of them.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { operation } from "../../src/native/operations.ts";
import { batchOf } from "../support/batches.ts";
import { startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { residentMemory } from "../support/process_state.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const MiB = 1048576;
/** The smallest that a topic may have: each batch has a segment of its own. */
const SEGMENT_BYTES = 1024;
const TOGETHER = 100;
/** Until everything that is compiled and pooled is there. */
const WARM_SEGMENTS = 4000;
const SEGMENTS = 5000;
/** Kept they are 25 MiB or more; what is not collected yet is 1,000 of them. */
const GROWTH_MAX = 14 * MiB;

test("the memory of a broker does not grow with the segments that were deleted", async () => {
  const data = join(temporaryDirectory("memory"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const connection = await Connection.connect({ host: "127.0.0.1", port: broker.port });
  const admin = new Admin(connection);
  const config = { durability: "os", "segment.bytes": SEGMENT_BYTES };
  await admin.createTopic("t", { partitions: 1, config });
  const { handle } = await connection.request(operation("open_partition"), {
    ...{ topic: "t", partition: 0 },
  });
  const batch = batchOf([new Uint8Array(SEGMENT_BYTES - 100)]);
  const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
  let end = 0;
  const rollUpTo = async (segments: number): Promise<number> => {
    while (end < segments) {
      const produce = () => connection.request(operation("produce"), sent);
      await Promise.all(Array.from({ length: TOGETHER }, produce));
      end += TOGETHER;
      await admin.deleteRecords("t", 0, end);
    }
    await until("the deleted segments are let go", async () => {
      const counters = await admin.stats();
      return counters.find(({ name }) => name === "segments_deleted_total")?.value === end - 1;
    });
    return residentMemory(broker.pid);
  };
  const warm = await rollUpTo(WARM_SEGMENTS);
  const after = await rollUpTo(WARM_SEGMENTS + SEGMENTS);
  const grownMib = (after - warm) / MiB;
  connection.close();
  assert.equal((await broker.stop()).code, 0);
  assert.ok(after - warm < GROWTH_MAX, "it grew by " + grownMib.toFixed(1) + " MiB");
});
