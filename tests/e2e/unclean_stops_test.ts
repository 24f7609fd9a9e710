/** A broker that is killed soon after each start: from the fifth time on the next one waits. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { UNCLEAN_STOPS_FILE } from "../../src/format/file_names.ts";
import { runSluice, startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { START_WAITS } from "../support/unclean_stops.ts";
import { until } from "../support/until.ts";

/** Much shorter than the defaults. */
const SHORT = { SLUICE_RESTARTS_WAIT_MS: "200", SLUICE_RESTARTS_WAIT_MS_MAX: "300" };
const NEVER_LONG = { ...SHORT, SLUICE_RESTARTS_SHORT_MS: "3600000" };

async function untilCounted(data: string, runs: number): Promise<void> {
  const file = join(data, UNCLEAN_STOPS_FILE);
  const isCounted = () => existsSync(file) && readFileSync(file, "utf8") === `${runs}\n`;
  await until("the run is counted", isCounted);
}

test("five kills, a start that waits and says so, and a stop that ends the row", async () => {
  const options = { runtime: BROKER_RUNTIME, data: temporaryDirectory("stops"), mayWait: true };
  const isCounted = () => existsSync(join(options.data, UNCLEAN_STOPS_FILE));
  for (let kill = 0; kill < 5; kill += 1) {
    const broker = await startBroker({ ...options, env: NEVER_LONG });
    await untilCounted(options.data, kill + 1);
    assert.doesNotMatch(broker.stderr(), START_WAITS, `start ${kill}`);
    await broker.kill();
  }
  const slow = await startBroker({ ...options, env: NEVER_LONG });
  assert.match(slow.stderr(), START_WAITS);
  assert.match(slow.stderr(), /the start goes on in 0.2 s/);
  await slow.stop();
  assert.equal(isCounted(), false);
  const after = await startBroker({ ...options, env: { ...SHORT, SLUICE_RESTARTS_SHORT_MS: "1" } });
  assert.doesNotMatch(after.stderr(), START_WAITS);
  await until("it has served long enough", () => !isCounted());
  await after.kill();
});

test("a signal ends the wait at once", async () => {
  const options = { runtime: BROKER_RUNTIME, data: temporaryDirectory("stops"), mayWait: true };
  for (let kill = 0; kill < 5; kill += 1) {
    const broker = await startBroker({ ...options, env: NEVER_LONG });
    await untilCounted(options.data, kill + 1);
    await broker.kill();
  }
  const env = { ...NEVER_LONG, SLUICE_RESTARTS_WAIT_MS: "60000" };
  const { code, out, stderr } = await runSluice({
    runtime: BROKER_RUNTIME,
    args: ["serve", "--data", options.data, "--native", "127.0.0.1:0", "--no-http"],
    env: { ...env, SLUICE_RESTARTS_WAIT_MS_MAX: "60000" },
    started: (child) => {
      let said = "";
      child.stderr!.on("data", (bytes: Uint8Array) => {
        said += String(bytes);
        if (/goes on in 60 s/.test(said)) process.kill(child.pid!, "SIGTERM");
      });
    },
  });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(out, /ready/);
  assert.match(stderr, START_WAITS);
});
