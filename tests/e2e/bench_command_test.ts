/** `sluice bench` against a real broker: what it says adds up, and it leaves nothing behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const SHORT = ["bench", "--seconds", "1", "--warm-up", "0", "--json"];

test(`a bench verifies what it sent and removes its topics (${PAIR})`, async () => {
  const data = join(temporaryDirectory("bench"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const sluice = commands(broker);
  const load = ["--rate", "500", "--size", "100", "--producers", "3", "--partitions", "5"];
  const { out } = await sluice([...SHORT, ...load, "--consumers", "2", "--catch-up", "2"]);
  const report = JSON.parse(out);
  assert.ok(report.isSound, out);
  assert.equal(report.level, "fsync");
  const due = 3 * Math.ceil(500 / 3);
  assert.equal(report.sent, due, "an open loop: as many as were due, whatever the broker did");
  assert.equal(report.verified, 2 * report.sent, "at the tail and afterwards");
  assert.equal(report.acknowledged.records, due);
  assert.equal(report.tail.records, due);
  assert.ok(report.brokerUse.residentMiB > 1 && report.client.residentMiB > 1);

  const fast = ["--rate", "max", "--batch", "10", "--config", "durability=os", "--acks", "leader"];
  const again = JSON.parse((await sluice([...SHORT, ...fast, "--keep"])).out);
  assert.ok(again.isSound && again.sent > 0);
  assert.equal(again.level, "os");
  const kept = (await sluice(["topic", "list"])).out;
  assert.match(kept, /^bench-\w+-0\t1\tdurability=os/, "and of the first run there is none");

  const wrong = await tryCommands(broker)(["bench", "--config", "durabilty=os"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /Did you mean durability\?/);
  await broker.stop();
});
