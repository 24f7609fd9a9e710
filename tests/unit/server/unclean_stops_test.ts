/** Unclean stops in a row: what is counted, and how long a start waits. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { setTraceSink } from "../../../src/base/trace.ts";
import { withDefaults } from "../../../src/config_defaults.ts";
import { UNCLEAN_STOPS_FILE } from "../../../src/format/file_names.ts";
import { DataDirectory } from "../../../src/log/data_directory.ts";
import {
  UncleanStops,
  waitAfterUncleanStops,
  waitMsAfter,
} from "../../../src/server/unclean_stops.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** A run that serves, and how it ends. */
function run(path: string, end: "killed" | "clean" | "after long"): void {
  const directory = DataDirectory.open(libc, path, true);
  const stops = new UncleanStops(libc, directory);
  stops.began();
  if (end !== "killed") stops.forget();
  if (end === "clean") directory.closeClean();
  else directory.close();
}

function counted(path: string): string | null {
  const file = join(path, UNCLEAN_STOPS_FILE);
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** How a start waits, by a clock that does not take its time. */
async function wait(path: string, abortAfter = Infinity) {
  const pauses: number[] = [];
  const told: string[] = [];
  const traced: string[] = [];
  const controller = new AbortController();
  setTraceSink((_level, message) => traced.push(message));
  const goesOn = await waitAfterUncleanStops(
    libc,
    withDefaults({ dataDirectory: path }),
    controller.signal,
    (status) => told.push(status),
    (milliseconds) => {
      pauses.push(milliseconds);
      if (pauses.length >= abortAfter) controller.abort();
      return Promise.resolve();
    },
  );
  setTraceSink(() => {});
  return { goesOn, pauses, told, traced };
}

test("four in a row are free, then it is 10 s, doubled each time, and at most five minutes", () => {
  const { restarts } = withDefaults({});
  const seconds = Array.from({ length: 13 }, (_, stops) => waitMsAfter(stops, restarts) / 1000);
  assert.deepEqual(seconds, [0, 0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]);
  assert.equal(waitMsAfter(2000, restarts), 300_000);
  assert.equal(waitMsAfter(9, { ...restarts, waitMs: 0 }), 0);
});

test("killed runs are counted; a clean stop and long service begin anew", () => {
  const path = temporaryDirectory("stops");
  for (let stops = 1; stops <= 6; stops += 1) {
    run(path, "killed");
    assert.equal(counted(path), `${stops}\n`);
  }
  run(path, "clean");
  assert.equal(counted(path), null);
  run(path, "killed");
  run(path, "killed");
  assert.equal(counted(path), "2\n");
  run(path, "after long");
  run(path, "killed");
  assert.equal(counted(path), "1\n");
});

test("after five a start waits, and says so again and again", async () => {
  const path = temporaryDirectory("stops");
  for (let stops = 0; stops < 4; stops += 1) run(path, "killed");
  assert.deepEqual(await wait(path), { goesOn: true, pauses: [], told: [], traced: [] });
  for (let stops = 4; stops < 7; stops += 1) run(path, "killed");
  const { goesOn, pauses, told, traced } = await wait(path);
  assert.equal(goesOn, true);
  assert.deepEqual(pauses, [10_000, 10_000, 10_000, 10_000]);
  assert.match(traced[0]!, /^the last 7 runs ended without a clean stop, each within 30 s/);
  const left = [40, 30, 20, 10].map((seconds) => `the start goes on in ${seconds} s`);
  assert.deepEqual(told, left);
  assert.deepEqual(traced.slice(1), left);
});

test("a signal ends the wait, and the directory is as it was", async () => {
  const path = temporaryDirectory("stops");
  for (let stops = 0; stops < 8; stops += 1) run(path, "killed");
  const { goesOn, pauses } = await wait(path, 2);
  assert.equal(goesOn, false);
  assert.deepEqual(pauses, [10_000, 10_000]);
  assert.equal(counted(path), "8\n");
});

test("a file that says nothing counts as none", async () => {
  const path = temporaryDirectory("stops");
  for (const text of ["", "x\n", "-9\n", "99", "9999999999\n"]) {
    writeFileSync(join(path, UNCLEAN_STOPS_FILE), text);
    assert.deepEqual((await wait(path)).pauses, [], JSON.stringify(text));
  }
});
