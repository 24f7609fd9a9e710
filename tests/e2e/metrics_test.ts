/**
 * `/metrics` of a running broker: the numbers after a load whose every request, record and byte was
 * counted here, both formats, who may ask, and what Prometheus says of it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { batchOf } from "../support/batches.ts";
import { startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import * as frames from "../support/frames.ts";
import { HttpDoor } from "../support/http.ts";
import { type Metrics, parseMetrics, sumOf } from "../support/metrics.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { promtoolMissing, promtoolSays } from "../support/promtool.ts";
import { packagesFolder, packagesMissing, PYTHON } from "../support/python_packages.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const OPENMETRICS = "application/openmetrics-text";
const CLIENT_PACKAGE = "prometheus_client==0.26.0";

const directory = temporaryDirectory("metrics");
const data = join(directory, "d");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
const door = await HttpDoor.of(broker, data);
const sluice = commands(broker);

async function look(): Promise<Metrics> {
  const { status, text } = await door.ask({ target: "/metrics" }, "read");
  assert.equal(status, 200, text);
  return parseMetrics(text);
}

/** A batch of `count` records of `size` bytes each. */
function batch(count: number, size: number): Uint8Array {
  return batchOf(Array.from({ length: count }, () => new Uint8Array(size)));
}

test("requests, records and bytes are those that were counted here", async () => {
  const topics = [["orders", 2], ["clicks", 1]] as const;
  for (const [name, partitions] of topics) {
    await sluice(["topic", "create", name, "--partitions", String(partitions)]);
  }
  const before = await look();
  const seen = { produce: 0, fetch: 0, recordsIn: 0, bytesIn: 0, recordsOut: 0, bytesOut: 0 };
  const connection = await RawConnection.open(broker.port);
  for (const [topic, partition] of [["orders", 0], ["orders", 1], ["clicks", 0]] as const) {
    await connection.ask("open_partition", { topic, partition });
  }
  const load = [[0, 3, 100], [1, 10, 1000], [0, 1, 5], [2, 7, 10], [1, 50, 300]] as const;
  for (const [handle, count, size] of load) {
    const bytes = batch(count, size);
    await connection.send(frames.produce(handle, bytes));
    assert.equal((await connection.reply()).code, 0);
    seen.produce += 1;
    if (handle === 2) continue;
    seen.recordsIn += count;
    seen.bytesIn += bytes.length;
  }
  for (const [handle, records] of [[0, 4], [1, 60]] as const) {
    await connection.send(frames.fetch(handle, 0));
    const { code, body } = await connection.reply();
    assert.equal(code, 0);
    seen.fetch += 1;
    seen.recordsOut += records;
    seen.bytesOut += body.length - 16;
  }
  await connection.send(frames.fetch(2, 99));
  assert.notEqual((await connection.reply()).code, 0, "an answer with an error is one, too");
  seen.fetch += 1;
  const after = await look();
  const grew = (name: string, labels = "") => {
    return sumOf(after, name, labels) - sumOf(before, name, labels);
  };
  const requests = (operation: string) => {
    const labels = `door="native",operation="${operation}"`;
    return grew("sluice_request_duration_seconds_count", labels);
  };
  const ofOrders = 'topic="orders"';
  assert.deepEqual({
    produce: requests("produce"),
    fetch: requests("fetch"),
    recordsIn: grew("sluice_topic_records_in_total", ofOrders),
    bytesIn: grew("sluice_topic_bytes_in_total", ofOrders),
    recordsOut: grew("sluice_topic_records_out_total", ofOrders),
    bytesOut: grew("sluice_topic_bytes_out_total", ofOrders),
  }, seen);
  assert.equal(requests("open_partition"), 3);
  assert.equal(grew("sluice_topic_records_in_total"), seen.recordsIn + 7, "of all topics");
  const cached = grew("sluice_topic_cache_hit_bytes_total", ofOrders) +
    grew("sluice_topic_cache_miss_bytes_total", ofOrders);
  assert.equal(cached, seen.bytesOut);
  assert.equal(grew("sluice_sent_bytes_total", 'call="sendfile"'), seen.bytesOut);
  assert.equal(grew("sluice_sync_records_sum"), seen.recordsIn + 7, "each was synced, once");
  // On a busy machine there was one more than that once; the records are each in one of them.
  assert.ok(grew("sluice_sync_duration_seconds_count") >= seen.produce);
  assert.equal(grew("sluice_connections", 'listener="native"'), 1);
  assert.equal(grew("sluice_request_duration_seconds_count", 'operation="getMetrics"'), 1);
  connection.close();
});

test("lag is told by group and topic, in records and in time", async () => {
  await sluice(["topic", "create", "late", "--partitions", "2"]);
  const connection = await RawConnection.open(broker.port);
  for (const partition of [0, 1]) {
    await connection.ask("open_partition", { topic: "late", partition });
  }
  for (const handle of [0, 1]) {
    for (let i = 0; i < 3; i += 1) {
      await connection.send(frames.produce(handle, batch(2, 10)));
      assert.equal((await connection.reply()).code, 0);
    }
  }
  connection.close();
  const body = { topic: "late", to: { offset: 5 } };
  await door.json(200, { method: "POST", target: "/v1/groups/readers/reset", body });
  const metrics = await look();
  const labels = 'group="readers",topic="late"';
  assert.equal(sumOf(metrics, "sluice_group_lag_records", labels), 2);
  assert.equal(sumOf(metrics, "sluice_group_lag_seconds", labels), 0);
  assert.equal(metrics.get("sluice_groups_not_told"), 0);
});

test("lag in seconds is that of the first record not read behind the newest one", async () => {
  const target = "/v1/topics/aged";
  await door.json(201, { method: "POST", target: "/v1/topics", body: { name: "aged" } });
  for (const timestamp of [1000, 4000, 9250]) {
    const body = { value: "v", timestamp };
    await door.json(200, { method: "POST", target: `${target}/records`, body });
  }
  const lagAt = async (offset: number): Promise<number | undefined> => {
    const body = { topic: "aged", to: { offset } };
    await door.json(200, { method: "POST", target: "/v1/groups/agers/reset", body });
    return (await look()).get('sluice_group_lag_seconds{group="agers",topic="aged"}');
  };
  assert.equal(await lagAt(0), 8.25);
  assert.equal(await lagAt(1), 5.25);
  assert.equal(await lagAt(2), 0);
  assert.equal(await lagAt(3), 0);
});

test("requests by HTTP are counted by operation, once, and their records too", async () => {
  const target = "/v1/topics/by-http";
  const read = `${target}/records?maxRecords=10`;
  await door.json(201, { method: "POST", target: "/v1/topics", body: { name: "by-http" } });
  const before = await look();
  for (let count = 0; count < 3; count += 1) {
    const body = [{ value: "one" }, { value: "two" }];
    await door.json(200, { method: "POST", target: `${target}/records`, body });
  }
  for (let count = 0; count < 4; count += 1) await door.get(read);
  for (let count = 0; count < 2; count += 1) {
    assert.equal((await door.ask({ target: read }, null)).status, 401);
  }
  const after = await look();
  const grew = (name: string, labels: string) => {
    return sumOf(after, name, labels) - sumOf(before, name, labels);
  };
  const requests = (door: string, operation: string) => {
    const labels = `door="${door}",operation="${operation}"`;
    return grew("sluice_request_duration_seconds_count", labels);
  };
  assert.equal(requests("http", "produceRecords"), 3);
  assert.equal(requests("http", "readRecords"), 4);
  assert.equal(requests("http", "refused"), 2);
  assert.equal(requests("native", "produce"), 0, "what the door asks in turn is no client's");
  assert.ok(requests("control", "produce") >= 1);
  const ofTopic = 'topic="by-http"';
  assert.equal(grew("sluice_topic_records_in_total", ofTopic), 6);
  const slowest = after.get(
    'sluice_request_duration_seconds_bucket{door="http",operation="readRecords",le="+Inf"}',
  );
  const [counted] = [...after].filter(([name]) => {
    return name.startsWith("sluice_request_duration_seconds_count") && name.includes("readRecords");
  });
  assert.equal(slowest, counted![1], "the last bucket holds all of them");
});

test("the state of listeners, disk and runtime", async () => {
  const metrics = await look();
  assert.equal(metrics.get("sluice_ready"), 1);
  assert.equal(metrics.get('sluice_disk_state{state="ok"}'), 1);
  assert.equal(sumOf(metrics, "sluice_disk_state"), 1);
  assert.equal(metrics.get('sluice_listener_zero_copy{listener="native"}'), 1);
  assert.equal(metrics.get('sluice_listener_zero_copy{listener="http"}'), 0);
  assert.equal(metrics.get('sluice_connections{listener="http"}'), 1);
  assert.equal(sumOf(metrics, "sluice_build_info", `runtime="${BROKER_RUNTIME}"`), 1);
  for (const thread of ["main", "shard"]) {
    assert.ok(sumOf(metrics, "sluice_heap_used_bytes", `thread="${thread}"`) > 100_000, thread);
  }
  assert.ok(metrics.get("process_resident_memory_bytes")! > 10_000_000);
  const startedMs = metrics.get("process_start_time_seconds")! * 1000;
  assert.ok(startedMs > 1.7e12 && startedMs <= Date.now());
  const isTold = [...metrics.keys()].some((name) => name.startsWith("sluice_collections_total"));
  assert.equal(isTold, BROKER_RUNTIME === "bun");
});

test("a token is needed, the one that may look is enough, and no secret is told", async () => {
  assert.equal((await door.ask({ target: "/metrics" }, null)).status, 401);
  const { text } = await door.ask({ target: "/metrics" }, "admin");
  for (const token of Object.values(door.tokens)) assert.ok(!text.includes(token));
});

/** It knows Prometheus' own format alone: OpenMetrics names a counter without its `_total`. */
testOrSkip("promtool is content", promtoolMissing(), async () => {
  const { text } = await door.ask({ target: "/metrics" }, "read");
  assert.match(text, /^# TYPE sluice_topic_records_in_total counter$/m);
  assert.equal(promtoolSays(text), "");
  assert.match(promtoolSays("# TYPE a_total gauge\na_total 1\n"), /a_total/, "it does look");
});

const noPython = packagesMissing("prometheus-client", [CLIENT_PACKAGE]);
testOrSkip("Prometheus' own client reads the OpenMetrics text", noPython, async () => {
  const { text, headers } = await door.ask({
    target: "/metrics",
    headers: { accept: OPENMETRICS },
  }, "read");
  assert.match(
    headers.get("content-type") ?? "",
    /^application\/openmetrics-text; version=1\.0\.0/,
  );
  const program = [
    "import sys",
    "from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse",
    "for family in parse(sys.stdin.read()):",
    "    for sample in family.samples:",
    "        print(sample.name, sorted(sample.labels.items()), sample.value)",
  ].join("\n");
  const env = { PATH: "/usr/bin:/bin", PYTHONPATH: packagesFolder("prometheus-client") };
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-c", program], {
    input: text,
    env,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.equal(stdout.trim().split("\n").length, lines.length, "every sample was read");
});

test("the broker ends cleanly", async () => {
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});
