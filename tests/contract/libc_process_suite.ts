/** Contract of clocks, randomness and signals. */
import assert from "node:assert/strict";
import { EINVAL, SIGXFSZ } from "../../ffi/constants.ts";
import { type Contract, text, type World } from "./libc_world.ts";

export function processContract(contract: Contract): void {
  contract("the monotonic clock never runs back and has a fraction", monotonic);
  contract("the wall clock is whole milliseconds since 1970", wall);
  contract("getrandom fills its range, and differently each time", randomness);
  contract("a signal is ignored; one that cannot be is -EINVAL", signals);
}

function monotonic({ libc }: World): void {
  let lastMs = libc.monotonicMs();
  let fractions = 0;
  for (let i = 0; i < 10_000; i++) {
    const nowMs = libc.monotonicMs();
    assert.ok(nowMs >= lastMs, "time does not run back");
    if (!Number.isInteger(nowMs)) fractions += 1;
    lastMs = nowMs;
  }
  assert.ok(fractions > 0, "there is a fraction");
}

function wall({ libc }: World): void {
  const wallMs = libc.wallMs();
  assert.ok(Number.isInteger(wallMs), "milliseconds are whole");
  assert.ok(wallMs > Date.UTC(2024, 0, 1), "the clock is set");
}

function randomness(world: World): void {
  const { libc } = world;
  const memory = world.memory(".".repeat(64));
  world.is(libc.getrandom(memory, 8, 24), 24);
  const first = text(memory, 8, 24);
  assert.equal(text(memory, 0, 8), "........");
  assert.equal(text(memory, 32, 32), ".".repeat(32));
  world.is(libc.getrandom(memory, 8, 24), 24);
  assert.notEqual(text(memory, 8, 24), first);
}

function signals(world: World): void {
  const { libc } = world;
  world.is(libc.ignoreSignal(SIGXFSZ), 0);
  world.is(libc.ignoreSignal(SIGXFSZ), 0);
  world.is(libc.ignoreSignal(9), -EINVAL);
  world.is(libc.ignoreSignal(12_345), -EINVAL);
}
