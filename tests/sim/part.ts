/**
 * A part of the simulation as a process of its own, for the gate (two processes, two cores) and for
 * the comparison of the runtimes. It writes one line of JSON per step to standard output.
 *
 *     part.ts run FROM COUNT      {"done":500} …, then {"met":{…}} or {"violation":"…"}
 *     part.ts hash FROM COUNT     {"hash":"…"}
 */
import process from "node:process";
import { drawPlan } from "./plan.ts";
import { emptyMet, meet, type Met } from "./met.ts";
import { hashOf, violationOf } from "./simulate.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

const STEP = 500;

export type PartLine =
  | { readonly done: number }
  | { readonly met: Met }
  | { readonly hash: string }
  | { readonly violation: string };

const [mode = "", from = "1", count = "1"] = process.argv.slice(2);
if (mode === "hash") say({ hash: hashOf(Number(from), Number(count)) });
else if (mode === "run") run(Number(from), Number(count));

function run(first: number, total: number): void {
  const met = emptyMet();
  for (let done = 0; done < total; done += 1) {
    const plan = drawPlan(first + done);
    try {
      meet(met, new World(plan, { looks: true }).run());
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const again = violationOf(plan) === null ? ", and not when it is run again" : "";
      return say({ violation: `${error.message}${again}` });
    }
    if ((done + 1) % STEP === 0) say({ done: done + 1 });
  }
  say({ met });
}

function say(line: PartLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
