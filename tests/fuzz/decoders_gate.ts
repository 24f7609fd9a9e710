/**
 * Ten million mutated inputs, half of them on each runtime and none on both, over every decoder
 * that meets bytes of strangers or of a damaged disk. Seeds are printed, and replay:
 * `npm run fuzz -- --decoder NAME --seed N`. A process that grows beyond resident.ts fails.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import type { Family } from "./decoder.ts";
import { DECODERS, shares } from "./decoders/table.ts";
import { failureText, fuzz } from "./fuzz.ts";
import { residentMib } from "./resident.ts";

/** On this runtime. */
const INPUTS = 5_000_000;
/** Inputs of one seed; a test each, because runners bound the time of one. */
const SLICE = 100_000;
const SEED = BROKER_RUNTIME === "bun" ? 1000 : 2000;
const ACCEPTED_MIN = 0.2;
const ACCEPTED_MAX = 0.98;

const sums = new Map(DECODERS.map((decoder) => [decoder, { inputs: 0, accepted: 0, ms: 0 }]));

for (const [decoder, count] of shares(INPUTS)) {
  const slices = Math.ceil(count / SLICE);
  for (let slice = 0; slice < slices; slice += 1) {
    test(`${decoder.name}, seed ${SEED + slice}`, () => {
      const run = fuzz(decoder, SEED + slice, Math.min(SLICE, count - slice * SLICE));
      assert.equal(run.failure === null ? "" : failureText(run.failure), "");
      const sum = sums.get(decoder)!;
      sum.inputs += run.inputs;
      sum.accepted += run.accepted;
      sum.ms += run.ms;
      if (slice < slices - 1) return;
      tell(decoder.name, sum, slices);
      assert.ok(sum.accepted >= ACCEPTED_MIN * sum.inputs, "too few decode");
      assert.ok(sum.accepted <= ACCEPTED_MAX * sum.inputs, "hardly any is bent");
    });
  }
}

test("five million inputs, and enough of them decode", () => {
  const inputs = [...sums.values()].reduce((sum, one) => sum + one.inputs, 0);
  assert.ok(inputs >= INPUTS);
  for (const family of ["frames", "batches", "operations", "files", "client"] as Family[]) {
    const own = DECODERS.filter((decoder) => decoder.family === family);
    const sum = own.reduce((total, decoder) => {
      const { inputs, accepted } = sums.get(decoder)!;
      return { inputs: total.inputs + inputs, accepted: total.accepted + accepted };
    }, { inputs: 0, accepted: 0 });
    const share = sum.accepted / sum.inputs;
    figure(`fuzz: ${family}: ${sum.inputs} inputs, ${(100 * share).toFixed(1)} % decode`);
    assert.ok(share >= ACCEPTED_MIN, family);
  }
});

after(() => DECODERS.forEach((decoder) => decoder.end?.()));

function tell(name: string, sum: { inputs: number; accepted: number; ms: number }, slices: number) {
  const share = (100 * sum.accepted / sum.inputs).toFixed(1);
  const rate = Math.round(sum.inputs * 1000 / sum.ms);
  const run = `seeds ${SEED} to ${SEED + slices - 1}, ${residentMib()} MiB resident`;
  figure(`fuzz: ${name}: ${sum.inputs} inputs, ${share} % decode, ${rate} a second, ${run}`);
}
