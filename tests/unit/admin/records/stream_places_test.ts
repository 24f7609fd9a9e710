/** How many streams may be open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../../src/admin/problem.ts";
import { StreamPlaces } from "../../../../src/admin/records/stream_places.ts";
import { HTTP_STREAM_PARTITIONS_MAX } from "../../../../src/limits.ts";

function isFull(places: StreamPlaces, partitions: number): boolean {
  try {
    places.take(partitions)();
    return false;
  } catch (error) {
    assert.ok(error instanceof HttpError && error.error === "http_too_many_streams");
    return true;
  }
}

test("so many streams, and a place that is given back twice is one", () => {
  const places = new StreamPlaces(2);
  const first = places.take(1);
  places.take(1);
  assert.ok(isFull(places, 1));
  first();
  first();
  places.take(1);
  assert.ok(isFull(places, 1));
});

test("so many partitions of all of them", () => {
  const places = new StreamPlaces(10);
  const all = places.take(HTTP_STREAM_PARTITIONS_MAX - 1);
  assert.ok(isFull(places, 2));
  assert.ok(!isFull(places, 1));
  all();
  assert.ok(!isFull(places, HTTP_STREAM_PARTITIONS_MAX));
});
