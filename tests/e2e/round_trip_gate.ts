/** The proofs of round_trip_test.ts with a file of more than 1 GiB, killed at more places. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PAIR } from "../support/pair.ts";
import { RoundTrip } from "../support/round_trip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const FILE_MIB = 1100;
const trip = new RoundTrip(temporaryDirectory("gate"), FILE_MIB);

test(`a file of ${FILE_MIB} MiB comes back as it was (${PAIR})`, () => trip.proveEqual());

let cutOff = 0;

for (const share of [0.01, 0.25, 0.5, 0.9]) {
  test(`killed after ${share} of it`, async () => {
    if (await trip.proveKilled(share, ["segment.bytes=268435456"])) cutOff += 1;
  });
}

test("kills came while it was produced", () => assert.ok(cutOff > 0));
