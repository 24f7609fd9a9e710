/** The last visible ends, as the tail finds them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Boundaries } from "../../../src/log/boundaries.ts";
import { LogPoint, Segment } from "../../../src/log/segment.ts";
import { forSeeds } from "../../support/prng.ts";

test("the newest boundaries are found, older ones and other offsets are not", () => {
  forSeeds(50, (prng) => {
    const boundaries = new Boundaries();
    const segments = [0, 1, 2].map((base) => new Segment(base, 0, null));
    const into = new LogPoint(segments[0]!, -1, -1);
    let model: { offset: number; position: number; segment: Segment }[] = [];
    let offset = 0;
    for (let step = 0; step < 200; step += 1) {
      offset += prng.between(1, 3);
      const point = { offset, position: prng.below(10000), segment: prng.pick(segments) };
      boundaries.add(new LogPoint(point.segment, point.offset, point.position));
      model = [...model, point].slice(-64);
      const wanted = prng.chance(70) ? prng.pick(model).offset : prng.below(offset + 2);
      const known = model.find((entry) => entry.offset === wanted);
      assert.equal(boundaries.find(wanted, into), known !== undefined);
      if (known === undefined) continue;
      assert.equal(into.segment, known.segment);
      assert.deepEqual([into.offset, into.position], [known.offset, known.position]);
    }
    boundaries.forget(segments[1]!);
    for (const entry of model) {
      assert.equal(boundaries.find(entry.offset, into), entry.segment !== segments[1]);
    }
  });
});

test("of two boundaries at one offset the newer one counts", () => {
  const boundaries = new Boundaries();
  const [old, next] = [new Segment(0, 500, null), new Segment(10, 0, null)];
  boundaries.add(new LogPoint(old, 10, 500));
  boundaries.add(new LogPoint(next, 10, 0));
  const into = new LogPoint(old, 0, 0);
  assert.equal(boundaries.find(10, into), true);
  assert.equal(into.segment, next);
});
