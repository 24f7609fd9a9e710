/**
 * Hours of mixed load on one broker, judged and measured all the time.
 *
 *   npm run soak -- --hours 2                         on Bun, into dist/soak/bun
 *   npm run soak -- --hours 2 --runtime deno
 *   npm run soak -- --minutes 10 --restart-minutes 3
 *   npm run soak -- --plot --runtime bun              draws docs/soak-bun.svg from the samples
 *
 * Killed or interrupted it goes on where it was when it is started again; `--fresh` begins anew.
 * At its end it says the verdict, and writes it and the plot into dist/soak/<runtime>; a soak of
 * an hour or more also writes docs/soak-<runtime>.svg.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT, type RuntimeName, RUNTIMES } from "./runtime.mjs";
import { plot } from "../tests/soak/plot.ts";
import { readSamples, type Sample } from "../tests/soak/samples.ts";
import { soak } from "../tests/soak/soak.ts";
import { judge } from "../tests/soak/verdict.ts";

interface Arguments {
  runtime: RuntimeName;
  seconds: number;
  restartSeconds: number;
  fresh: boolean;
  plotOnly: boolean;
}

const PLOT_SECONDS_MIN = 3600;

const wanted = readArguments(process.argv.slice(2));
const directory = join(ROOT, "dist/soak", wanted.runtime);
process.exitCode = wanted.plotOnly ? drawOnly() : await run();

async function run(): Promise<number> {
  if (wanted.fresh) rmSync(directory, { recursive: true, force: true });
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupted = true);
  const result = await soak({
    ...{ runtime: wanted.runtime, directory, seconds: wanted.seconds },
    restartSeconds: wanted.restartSeconds,
    tell: say,
    interrupted: () => interrupted,
  });
  if (!result.finished) {
    say("interrupted: start it again to go on");
    return 130;
  }
  const verdict = judge(result.samples);
  const findings = [...result.findings, ...verdict.findings];
  const lines = [
    result.report,
    ...verdict.lines,
    ...findings.map((finding) => `FINDING: ${finding}`),
    findings.length === 0 ? "soak: passed" : `soak: ${findings.length} findings`,
  ];
  lines.forEach(say);
  writeFileSync(join(directory, "verdict.txt"), `${lines.join("\n")}\n`);
  draw(result.samples);
  return findings.length === 0 ? 0 : 1;
}

function drawOnly(): number {
  const samples = readSamples(join(directory, "samples.jsonl"));
  if (samples.length === 0) fail(`there are no samples of ${wanted.runtime} in dist/soak`);
  draw(samples);
  judge(samples).lines.forEach(say);
  return 0;
}

function draw(samples: readonly Sample[]): void {
  const seconds = samples[samples.length - 1]?.seconds ?? 0;
  const picture = plot(`Sluice on ${wanted.runtime}: ${(seconds / 60).toFixed(0)} min`, samples);
  const places = [join(directory, `soak-${wanted.runtime}.svg`)];
  if (seconds >= PLOT_SECONDS_MIN || wanted.plotOnly) {
    places.push(join(ROOT, "docs", `soak-${wanted.runtime}.svg`));
  }
  for (const place of places) writeFileSync(place, picture);
}

function say(line: string): void {
  process.stdout.write(`soak ${wanted.runtime}: ${line}\n`);
}

function readArguments(args: readonly string[]): Arguments {
  const values: Arguments = {
    ...{ runtime: "bun", seconds: 0, restartSeconds: 1800, fresh: false, plotOnly: false },
  };
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at]!;
    if (word === "--fresh") values.fresh = true;
    else if (word === "--plot") values.plotOnly = true;
    else if (word === "--runtime") values.runtime = runtimeOf(args[at += 1]);
    else if (word === "--hours") values.seconds = numberOf(args[at += 1]) * 3600;
    else if (word === "--minutes") values.seconds = numberOf(args[at += 1]) * 60;
    else if (word === "--restart-minutes") values.restartSeconds = numberOf(args[at += 1]) * 60;
    else fail(`unknown option ${word}; see the head of scripts/soak.ts`);
  }
  if (values.seconds === 0 && !values.plotOnly) fail("--hours takes a number of hours");
  return values;
}

function runtimeOf(text: string | undefined): RuntimeName {
  return RUNTIMES.find((name) => name === text) ?? fail("--runtime takes bun or deno");
}

function numberOf(text: string | undefined): number {
  const value = Number(text);
  return value > 0 ? value : fail("--hours and --minutes take a number above zero");
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
