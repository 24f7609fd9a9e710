/** A hundred thousand mutated frames at a real broker on this runtime, while a canary is served. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareCorpus } from "../support/corpus.ts";
import { figure, mebibytes } from "../support/figures.ts";
import { LiveBroker } from "../support/live_broker.ts";
import { peakMemory } from "../support/process_state.ts";
import { mistreat } from "./mistreat.ts";

const FRAMES = 100_000;
/** A test each, because runners bound the time of one. */
const SLICE = 10_000;
const SEED = 500;

const live = await LiveBroker.start(prepareCorpus);
const sum = { frames: 0, connections: 0, replies: 0 };

for (let slice = 0; slice * SLICE < FRAMES; slice += 1) {
  test(`mutated frames of seed ${SEED + slice} harm nobody else`, async () => {
    const done = await mistreat(live, SEED + slice, SLICE);
    sum.frames += done.frames;
    sum.connections += done.connections;
    sum.replies += done.replies;
  });
}

test("what it came to", async () => {
  const beats = live.canary.beats;
  assert.ok(sum.frames >= FRAMES && sum.replies > 0 && beats > 0);
  const peak = mebibytes(peakMemory(live.broker.pid));
  const refused = (await live.stats()).get("connections_closed_refused_total") ?? 0;
  figure(
    `fuzz: ${sum.frames} mutated frames over ${sum.connections} connections (seeds ${SEED} on), ` +
      `${refused} of them closed by the broker, canary served ${beats} times, ` +
      `peak of the broker's memory ${peak}`,
  );
  assert.ok(refused > 0, "frames came that cannot be believed");
});
