/**
 * Ten minutes of mixed load on this runtime, with one restart: nothing acknowledged is lost or
 * changed, and neither memory nor descriptors nor threads grow. Two hours: `npm run soak`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { plot } from "../soak/plot.ts";
import { soak } from "../soak/soak.ts";
import { judge } from "../soak/verdict.ts";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const SECONDS = 600;
/** The second start is the long one, so that growth can be told from warming up. */
const RESTART_SECONDS = 150;
/** The runner bounds a single test; a soak is begun, and gone on with in the next ones. */
const SLICE_MS = 200_000;
const SLICES = 5;

const directory = temporaryDirectory("soak");
let isFinished = false;

for (let slice = 1; slice <= SLICES; slice += 1) {
  test(`mixed load, part ${slice}: nothing is lost, nothing grows`, async () => {
    if (isFinished) return;
    const endMs = performance.now() + SLICE_MS;
    const result = await soak({
      ...{ runtime: BROKER_RUNTIME, directory, seconds: SECONDS, restartSeconds: RESTART_SECONDS },
      tell: (line) => process.stderr.write(`soak: ${line}\n`),
      interrupted: () => performance.now() > endMs,
    });
    assert.deepEqual(result.findings, []);
    isFinished = result.finished;
    if (!isFinished) return;
    const verdict = judge(result.samples);
    for (const line of [result.report, ...verdict.lines]) figure(`soak: ${line}`);
    assert.deepEqual(verdict.findings, []);
    assert.ok(plot("soak", result.samples).includes("</svg>"));
  });
}

test("the soak came to its end", () => assert.ok(isFinished));
