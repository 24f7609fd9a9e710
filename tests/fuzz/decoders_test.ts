/**
 * Every decoder over mutated inputs of fixed seeds, and over what was found before. The ten million
 * are in decoders_gate.ts; another seed by hand: `npm run fuzz -- --seed N`.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { figure } from "../support/figures.ts";
import { DECODERS, shares } from "./decoders/table.ts";
import { foundOf } from "./found.ts";
import { failureText, fuzz, judgeInput } from "./fuzz.ts";

const INPUTS = 200_000;
const SEED = 5;
/** Of all inputs; what a family must reach is in the gate, with more of them. */
const ACCEPTED_MIN = 0.2;

const total = { inputs: 0, accepted: 0 };

for (const [decoder, count] of shares(INPUTS)) {
  test(`${decoder.name}: ${count} inputs`, () => {
    const run = fuzz(decoder, SEED, count);
    assert.equal(run.failure === null ? "" : failureText(run.failure), "");
    assert.ok(run.accepted > 0, "none decodes: nothing behind the first check was reached");
    total.inputs += run.inputs;
    total.accepted += run.accepted;
  });
  for (const { input, what } of foundOf(decoder.name)) {
    test(`${decoder.name}: ${what}`, () => assert.equal(judgeInput(decoder, input), ""));
  }
}

test("enough of them decode", () => {
  const share = total.accepted / total.inputs;
  figure(`fuzz: ${total.inputs} inputs of seed ${SEED}, ${(100 * share).toFixed(1)} % decode`);
  assert.ok(share >= ACCEPTED_MIN);
});

after(() => DECODERS.forEach((decoder) => decoder.end?.()));
