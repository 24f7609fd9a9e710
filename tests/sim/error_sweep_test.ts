/**
 * Every call of the port that the engine makes fails once, in each of four ways: the script of
 * sweep_script.ts runs again and again, with one fault more and more late, until it passes
 * untouched. Whatever fails, the engine answers with a typed error or ends the process; nothing
 * acknowledged is lost, nothing is left open, nobody waits for ever.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EINTR, EIO, ENOSPC } from "../../ffi/constants.ts";
import { setTraceSink } from "../../src/base/trace.ts";
import { type CallName, type Fault, oneFault } from "./faulty_libc.ts";
import { SweepScript } from "./sweep_script.ts";
import { figure } from "../support/figures.ts";

setTraceSink(() => {});

const FAULTS: readonly (readonly [string, (k: number) => Fault])[] = [
  ["EIO", () => ({ kind: "error", errno: EIO })],
  ["ENOSPC", () => ({ kind: "error", errno: ENOSPC })],
  ["EINTR", () => ({ kind: "error", errno: EINTR })],
  ["short", (k) => ({ kind: "short", size: 1 + (k * 37) % 250 })],
];
/** The clocks cannot fail, and without an eventfd the server's start is over by an assertion. */
const SPARED: ReadonlySet<string> = new Set(["monotonicMs", "wallMs", "eventfd"]);
/** What can be cut short. */
const MOVING: ReadonlySet<string> = new Set([
  "pread",
  "pwrite",
  "pwritev",
  "getrandom",
  "read",
  "write",
]);

function callNames(): CallName[] {
  const script = new SweepScript(null);
  script.run();
  script.check();
  assert.deepEqual(script.ends, [], "without a fault no process ends itself");
  assert.equal(script.errors, 0, "without a fault nobody is told of one");
  return [...script.faulty.counts.keys()].filter((name) => !SPARED.has(name)).sort();
}

const names = callNames();
const tally = { runs: 0, injected: 0, ended: 0, told: 0 };

test("the script makes every kind of call that a disk can fail", () => {
  const needed = "aio.result aio.submit close epollCreate epollCtl epollWait fadvise fdatasync " +
    "flock fstatfs fsync ftruncate getrandom mkdirat openAio openat pread preadv2 pwrite pwritev " +
    "read readDirectory readahead renameat statx syncfs unlinkat";
  assert.equal(names.join(" "), needed);
});

for (const name of names) {
  test(`${name}: each call of the script fails once, in each way`, () => {
    for (const [fault, at] of FAULTS) {
      if (fault === "short" && !MOVING.has(name)) continue;
      for (let k = 1;; k += 1) {
        const script = new SweepScript(oneFault(name, k, at(k)), name === "pread");
        try {
          script.run();
          script.check();
        } catch (error) {
          throw new Error(`call ${k} of ${name}, ${fault}`, { cause: error });
        }
        tally.runs += 1;
        tally.injected += script.faulty.injected;
        tally.ended += script.ends.length;
        tally.told += script.errors;
        if (script.faulty.injected === 0) break;
      }
    }
  });
}

test("most faults were told or ended the process", () => {
  const { injected, ended, told } = tally;
  figure(`error sweep: ${tally.runs} runs, ${injected} faults, ${ended} ends, ${told} errors told`);
  assert.ok(injected > 3000 && ended > 600 && told > 1000, JSON.stringify(tally));
});
