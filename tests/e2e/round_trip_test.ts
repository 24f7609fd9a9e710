/**
 * A file goes in by `sluice produce` and comes out by `sluice consume`, byte for byte, between the
 * two runtimes; also when the broker is killed on the way. Lines that are too long are refused.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { RoundTrip } from "../support/round_trip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const MIB = 1048576;
const FILE_MIB = 32;
const directory = temporaryDirectory("trip");
const trip = new RoundTrip(directory, FILE_MIB);

test(`a file comes back as it was (${PAIR})`, () => trip.proveEqual());

test("killed in the middle: what was acknowledged is there, and the rest follows", async () => {
  await trip.proveKilled(0.4, ["segment.bytes=4194304"]);
});

for (const level of ["interval", "os"]) {
  test(`killed at level ${level}: what was acknowledged is there`, async () => {
    await trip.proveKilled(0.2, [`durability=${level}`]);
  });
}

test("a line above the limit is refused by name, what came before is stored", async () => {
  const broker = await start("limit");
  const text = `first\n${"x".repeat(MIB)}\nlast\n`;
  const file = join(directory, "long-line");
  writeFileSync(file, text);
  await commands(broker)(["topic", "create", "t"]);
  for (const more of [{}, { stdin: text }]) {
    const args = "stdin" in more ? ["produce", "t"] : ["produce", "t", file];
    const refused = await tryCommands(broker)(args, more);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /line 2/);
    assert.match(refused.stderr, /1048576/, "how long it is");
    assert.match(refused.stderr, /max\.message\.bytes=1048588/, "what is allowed, and by what");
    assert.match(refused.stderr, /^acknowledged 1 records/m);
  }
  assert.equal((await commands(broker)(["consume", "t"])).out, "first\nfirst\n");
  const wide = ["topic", "create", "wide", "--config", "max.message.bytes=2097152"];
  await commands(broker)(wide);
  await commands(broker)(["produce", "wide", file]);
  const { stdout } = await commands(broker)(["consume", "wide"]);
  assert.deepEqual(stdout, readFileSync(file));
  await broker.stop();
});

test("the longest line that fits the limit passes, one byte more does not", async () => {
  const broker = await start("longest");
  await commands(broker)(["topic", "create", "t"]);
  const refused = await tryCommands(broker)(["produce", "t"], { stdin: "x".repeat(MIB) });
  const limit = Number(/\b(\d{7}) bytes/.exec(refused.stderr.replace(/1048576/g, ""))?.[1]);
  assert.ok(limit > 1_000_000 && limit < MIB, `the limit of a line is said: ${refused.stderr}`);
  await commands(broker)(["produce", "t"], { stdin: "y".repeat(limit) });
  assert.equal(
    (await tryCommands(broker)(["produce", "t"], { stdin: "y".repeat(limit + 1) })).code,
    1,
  );
  assert.equal((await commands(broker)(["consume", "t"])).out.length, limit + 1);
  await broker.stop();
});

function start(name: string): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, data: join(directory, name) });
}
