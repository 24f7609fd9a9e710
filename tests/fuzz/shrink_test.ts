/** The fuzzer itself: it finds planted mistakes, replays them and makes them small. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Decoder, Digest, must, REJECTED } from "./decoder.ts";
import { fuzz, judgeInput } from "./fuzz.ts";
import { shrink } from "./shrink.ts";

const SEED = 3;
const COUNT = 20_000;

/** A decoder of "u8 size | bytes" with a mistake in it. */
function planted(decode: Decoder["decode"], allocationMax = 1000): Decoder {
  return {
    ...{ name: "planted", family: "frames", weight: 1 },
    sample: (prng) => {
      const body = prng.bytes(prng.below(20));
      return new Uint8Array([body.length, ...body]);
    },
    allocationMax: () => allocationMax,
    decode,
  };
}

function found(decoder: Decoder): string {
  const { failure } = fuzz(decoder, SEED, COUNT);
  assert.ok(failure !== null, "the mistake is found");
  const again = fuzz(decoder, SEED, 1, failure.index);
  assert.deepEqual(again.failure?.input, failure.input, "the seed gives the same input again");
  assert.equal(judgeInput(decoder, failure.shrunk), failure.what, "the small one fails as well");
  assert.ok(failure.shrunk.length <= failure.input.length);
  return failure.what;
}

test("a read outside is found, though it throws nothing", () => {
  const decoder = planted((block, at, size) => {
    if (size === 0 || block.bytes[at] === 0) return REJECTED;
    return new Digest().number(block.bytes[at + block.bytes[at]!]!).result;
  });
  assert.match(found(decoder), /depends on what lies outside/);
});

test("a write outside is found", () => {
  const decoder = planted((block, at, size) => {
    if (size === 7) block.bytes[at + size] = 0x55;
    return size;
  });
  assert.match(found(decoder), /a byte behind the input is changed/);
});

test("an error that is not the typed one is found", () => {
  const decoder = planted((block, at, size) => {
    if (size > 2 && block.bytes[at + 1] === 9) throw new RangeError("not of ours");
    return size;
  });
  assert.match(found(decoder), /throws RangeError: not of ours/);
});

test("an allocation that a number in the input asks for is found", () => {
  const decoder = planted((block, at, size) => {
    if (size < 3) return REJECTED;
    return new Uint8Array(block.bytes[at + 1]! * 100).length;
  });
  assert.match(found(decoder), /more is allocated/);
});

test("a failing input is made as small as it can be", () => {
  const input = new Uint8Array(200).map((_, at) => at + 1);
  const fails = (one: Uint8Array): boolean => one.includes(50) && one.includes(120);
  assert.deepEqual([...shrink(input, fails)], [50, 120]);
});

test("a property is told in words", () => {
  assert.throws(() => must(false, "in words"), /in words/);
});
