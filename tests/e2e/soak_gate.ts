/**
 * Ten minutes of mixed load on this runtime, with one restart: nothing acknowledged is lost or
 * changed, and neither memory nor descriptors nor threads grow. Two hours: `npm run soak`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { plot } from "../soak/plot.ts";
import { soak, type SoakResult } from "../soak/soak.ts";
import { judge } from "../soak/verdict.ts";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pause } from "../support/until.ts";

const SECONDS = 600;
/** The second start is the long one, so that growth can be told from warming up. */
const RESTART_SECONDS = 120;
const RESTARTS_MAX = 1;
/** The runner bounds a single test, so the soak runs beside several that wait for it. */
const PART_MS = 170_000;
const PARTS = 4;

let result: SoakResult | null = null;

const running = soak({
  ...{ runtime: BROKER_RUNTIME, directory: temporaryDirectory("soak"), seconds: SECONDS },
  ...{ restartSeconds: RESTART_SECONDS, restartsMax: RESTARTS_MAX },
  tell: (line) => process.stderr.write(`soak: ${line}\n`),
  interrupted: () => false,
}).then((done) => {
  result = done;
});
running.catch(() => {}); // seen by the tests

for (let part = 1; part <= PARTS; part += 1) {
  test(`mixed load, part ${part}: nothing is lost`, async () => {
    await Promise.race([running, pause(PART_MS)]);
    assert.deepEqual(result?.findings ?? [], []);
  });
}

test("nothing grew", async () => {
  await running;
  assert.ok(result !== null && result.finished);
  const starts = new Set(result.samples.map(({ start }) => start));
  assert.equal(starts.size, 1 + RESTARTS_MAX, "it was started again");
  const { lines, findings } = judge(result.samples);
  for (const line of [result.report, ...lines]) figure(`soak: ${line}`);
  assert.deepEqual(findings, []);
  assert.ok(plot("soak", result.samples).includes("</svg>"));
});
