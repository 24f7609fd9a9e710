/**
 * A broker inside a test: in the test's own process, on a port of its own, in a directory that is
 * gone afterwards. It is the broker that `sluice serve` runs.
 *
 *     bun test ./examples/embedded_broker_test.ts
 *     deno test -A examples/embedded_broker_test.ts
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Broker } from "sluice";
import { Client } from "sluice/client";

test("what was produced is consumed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-example-"));
  try {
    await using broker = await Broker.start({
      dataDirectory: join(directory, "data"),
      native: { host: "127.0.0.1", port: 0 },
    });
    await using client = await Client.connect({ brokers: [broker.addresses.native] });
    await client.admin.createTopic("greetings");
    const producer = await client.producer();
    await producer.send({ topic: "greetings", value: "hello" });

    const consumer = await client.consumer({ topics: ["greetings"] });
    for await (const record of consumer) {
      assert.equal(record.text(), "hello");
      break;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
