/** Mutated frames at a real broker; the hundred thousand are in live_gate.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareCorpus } from "../support/corpus.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { mistreat } from "./mistreat.ts";

const SEED = 11;
const FRAMES = 3000;

const live = await LiveBroker.start(prepareCorpus);

test(`${FRAMES} mutated frames harm nobody else`, async () => {
  const { frames, replies } = await mistreat(live, SEED, FRAMES);
  assert.ok(frames >= FRAMES && replies > 0);
});
