/**
 * From rounds to the table and the goals for docs/LEDGER.md.
 *
 *     a row      one case beside one yardstick; its ratio is taken inside each round
 *     a goal     "…: at least 0.9, median 0.93 (0.90–0.97), 5 rounds: held"
 *
 * Invariant: a column that could not be measured says "-", never 0.
 */
import { type Environment, environmentLines, tableHead, tableRow } from "./environment.ts";
import { type FigureName, FIGURES, foreignShare } from "./figures.ts";
import { judge, type Verdict } from "./goals.ts";
import { figures, ratios, type Rounds } from "./rounds.ts";
import { type Case, type Scenario, type Yardstick, YARDSTICKS } from "./scenarios.ts";
import type { Measured, ServerName } from "./servers.ts";
import { digits, percent, short, spread, withRange } from "./statistics.ts";

/** Who runs a case: Sluice, or the limit server in one of its ways. */
export type Role = "ours" | Yardstick;

/** The variant of a round: a case, run by somebody. */
export function variantOf(one: Case, role: Role): string {
  return `${one.name} ${role}`;
}

export interface Result {
  readonly scenario: Scenario;
  readonly runtime: ServerName;
  readonly rounds: Rounds<string, Measured>;
}

const COLUMNS = [
  "scenario",
  "level",
  "log and cache",
  "runtime",
  "beside",
  "Sluice /s",
  "C /s",
  "ratio",
  "p99 µs Sluice",
  "p99 µs C",
  "p99 ratio",
  "CPU s/GB Sluice, C",
  "CPU s/M requests Sluice, C",
  "CPU ratio",
  "records/sync Sluice, C",
  "peak MiB Sluice, C",
  "disk reads MiB Sluice, C",
  "foreign CPU, most",
  "rounds, left out",
];

export function renderReport(environment: Environment, results: readonly Result[]): string {
  const lines = [
    ...environmentLines(environment),
    "- Each figure: median (lowest–highest) of the alternating rounds; a ratio is of one round,",
    "  Sluice / C.",
    "- CPU is user + system of the server process with all its threads. The kernel workers that",
    "  run AIO syncs are not in it; they are in the foreign CPU.",
    "",
    ...tableHead(COLUMNS),
    ...results.flatMap((result) => rows(result, environment.cores)),
    "",
    ...results.flatMap(verdicts).map(({ line }) => `- ${line}`),
  ];
  return lines.join("\n") + "\n";
}

/** The yardsticks of a case that were measured. */
function besideOf({ rounds }: Result, one: Case): Yardstick[] {
  const measured = rounds.counted[0] ?? {};
  return (Object.keys(one.beside) as Yardstick[]).filter((yardstick) =>
    variantOf(one, yardstick) in measured
  );
}

function rows(result: Result, cores: number): string[] {
  return result.scenario.cases.flatMap((one) =>
    besideOf(result, one).map((yardstick) => tableRow(cells(result, one, yardstick, cores)))
  );
}

function cells(result: Result, one: Case, yardstick: Yardstick, cores: number): string[] {
  const { scenario, runtime, rounds } = result;
  const [ours, limit] = [variantOf(one, "ours"), variantOf(one, yardstick)];
  const unit = (value: number) => short(value) + (scenario.throughput === "bytes/s" ? "B" : "");
  const values = (name: string, figure: FigureName) => figures(rounds, name, FIGURES[figure]);
  const ratio = (figure: FigureName) =>
    withRange(ratios(rounds, ours, limit, FIGURES[figure]), digits);
  const both = (figure: FigureName) =>
    [ours, limit].map((name) => digits(spread(values(name, figure)).median)).join(", ");
  const most = (of: (run: Measured) => number, name: string) =>
    Math.max(...figures(rounds, name, of));
  const foreign = (run: Measured) => foreignShare(run, cores);
  return [
    one.title,
    scenario.level,
    scenario.cache,
    runtime,
    YARDSTICKS[yardstick].title,
    withRange(values(ours, scenario.throughput), unit),
    withRange(values(limit, scenario.throughput), unit),
    ratio(scenario.throughput),
    withRange(values(ours, "p99"), digits),
    withRange(values(limit, "p99"), digits),
    ratio("p99"),
    both("CPU per GB"),
    both("CPU per million"),
    ratio("CPU per GB"),
    both("records per sync"),
    [ours, limit].map((name) => digits(most((run) => run.serverPeakMib, name))).join(", "),
    [ours, limit].map((name) => digits(most((run) => run.diskReadMib, name))).join(", "),
    percent(Math.max(most(foreign, ours), most(foreign, limit))),
    `${rounds.counted.length}, ${rounds.disturbed}`,
  ];
}

/** Every goal of a scenario with what came out. */
export function verdicts(result: Result): Verdict[] {
  const { scenario, runtime, rounds } = result;
  const all: Verdict[] = [];
  for (const one of scenario.cases) {
    const ours = variantOf(one, "ours");
    const subject = `${runtime}, ${one.title}, ${scenario.level}`;
    for (const { figure, good, bound } of one.goals) {
      const what = `${subject}: ${figure}`;
      all.push(judge({ what, good, bound }, figures(rounds, ours, FIGURES[figure])));
    }
    for (const yardstick of besideOf(result, one)) {
      for (const { figure, good, bound } of one.beside[yardstick] ?? []) {
        const what = `${subject}: ${figure} against ${YARDSTICKS[yardstick].title}`;
        const values = ratios(rounds, ours, variantOf(one, yardstick), FIGURES[figure]);
        all.push(judge({ what, good, bound }, values));
      }
    }
  }
  return all.concat(flatVerdicts(result));
}

/** The figure that shall not change from case to case; how it changes in C stands beside it. */
function flatVerdicts({ scenario, runtime, rounds }: Result): Verdict[] {
  const { flat, cases } = scenario;
  const first = cases[0]!;
  if (flat === undefined) return [];
  return cases.slice(1).map((one) => {
    const between = (role: Role) =>
      ratios(rounds, variantOf(one, role), variantOf(first, role), FIGURES[flat.figure]);
    const inC = withRange(between("limit"), digits);
    const what = `${runtime}, ${flat.figure}, ${one.name} against ${first.name} (in C ${inC})`;
    return judge({ what, good: "at most", bound: flat.bound }, between("ours"));
  });
}
