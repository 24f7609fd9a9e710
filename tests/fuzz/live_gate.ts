/** A hundred thousand mutated frames at a real broker on this runtime, while a canary is served. */
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

test("what it came to", () => {
  const beats = live.canary.beats;
  const peak = mebibytes(peakMemory(live.broker.pid));
  figure(
    `fuzz: ${sum.frames} mutated frames over ${sum.connections} connections (seeds ${SEED} on), ` +
      `canary served ${beats} times, peak of the broker's memory ${peak}`,
  );
});
