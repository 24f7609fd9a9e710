/**
 * An event stream that is cut at random bytes a hundred times under load, with stops and kills of
 * the broker between: every record is seen exactly once, in the order of its partition. In parts,
 * each far below what a single test may take.
 */
import { join } from "node:path";
import { test } from "node:test";
import { figure } from "../support/figures.ts";
import { ResumedStream } from "../support/proof/resumed_stream.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const SEED = 7300;

for (const [name, restarts] of [["no restart", 0], ["stops and kills between", 8]] as const) {
  const stream = new ResumedStream({ data: join(temporaryDirectory("resume"), "d"), seed: SEED });
  const parts = Math.max(1, restarts);

  test(`a hundred cuts, ${name}: begins`, () => stream.start());

  for (let part = 0; part < parts; part += 1) {
    test(`a hundred cuts, ${name}: part ${part + 1} of ${parts}`, async () => {
      await stream.cut(Math.ceil(100 / parts));
      if (restarts > 0) await stream.restart(part % 2 === 0 ? "stop" : "kill");
    });
  }

  test(`a hundred cuts, ${name}: all is there, once`, async () => {
    await stream.finish();
    const { cuts, advances, restarts, records } = stream;
    const met = `${cuts} cuts, ${advances} behind new records, ${restarts} restarts`;
    figure(`${met} (seed ${SEED}): ${records} records, each once`);
  });
}
