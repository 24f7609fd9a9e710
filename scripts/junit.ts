/**
 * Counts the tests in a JUnit report, as `bun test` and `deno test` write them.
 *
 * The two reports differ in one thing: Deno lists a group or a test with subtests besides its
 * members, as "group" and "group > member". Such a parent is not counted, except when it failed and
 * no member did (a hook failed).
 */

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** Names of the failed tests. */
  failures: string[];
}

interface Case {
  name: string;
  state: "passed" | "failed" | "skipped";
}

/** Whether a run ended well: there were tests, and none failed. A skip is no failure. */
export function isGood({ passed, failed, skipped }: Omit<Counts, "failures">): boolean {
  return failed === 0 && passed + skipped > 0;
}

/** Both runners write one element per line or a closed element; nothing else of XML occurs. */
export function countJunit(report: string): Counts {
  const cases = readCases(report);
  const counts: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const one of cases) {
    const members = cases.filter((other) => other.name.startsWith(`${one.name} > `));
    const isParent = members.length > 0;
    if (isParent && one.state !== "failed") continue;
    if (isParent && members.some((member) => member.state === "failed")) continue;
    counts[one.state] += 1;
    if (one.state === "failed") counts.failures.push(one.name);
  }
  return counts;
}

function readCases(report: string): Case[] {
  const cases: Case[] = [];
  const pattern = /<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, attributes = "", , body = ""] of report.matchAll(pattern)) {
    const name = plain(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "");
    // Bun names the groups in `classname`, innermost first; Deno puts the file there.
    const groups = plain(/\bclassname="([^"]*)"/.exec(attributes)?.[1] ?? "");
    const isFile = groups.endsWith(".ts");
    const path = isFile || groups === "" ? [] : groups.split(" > ").reverse();
    cases.push({ name: [...path, name].join(" > "), state: stateOf(body) });
  }
  return cases;
}

function stateOf(body: string): Case["state"] {
  if (/<(failure|error)\b/.test(body)) return "failed";
  return /<skipped\b/.test(body) ? "skipped" : "passed";
}

function plain(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'").replaceAll("&amp;", "&");
}
