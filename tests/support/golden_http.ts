/**
 * Questions and answers of the HTTP door as they stand in tests/golden/http/*.txt, written by hand:
 *
 *     # what happens                     the name of the exchange
 *     > admin POST /v1/topics            who asks (none, read, admin, socket), method and target
 *     > sluice-key: k                    headers of the request, where it has more than it must
 *     > {"name": "orders"}               its body, on one line or on several
 *     < 201 application/json             status and type, or
 *     < location: /v1/topics/orders      headers that have to be there
 *     < {"name": "orders", …}            the body
 *
 *     < 404 topic_not_found              status and name of a problem: the text of all of them
 *     < detail: nowhere                  stands in problems.txt, and here what is of this case,
 *     < query.limit: a number …          `detail` or an issue
 *
 * What varies has a placeholder: "<number>", "<time>", "<uuid>", "<text>", and "<any>" for what
 * another test looks at; inside of a text <number>, <any> and <tag>, eight hexadecimal digits.
 * "<text as ticket>" keeps it for later questions, as $ticket. In an object or a list "…" stands
 * for more of them; in a text, on a line of its own, for more lines.
 *
 * Invariant: what is not said to vary has to be equal, with nothing missing and nothing more.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer } from "./http.ts";
import { ROOT } from "./runtimes.ts";

export const WHO = ["none", "read", "admin", "socket"] as const;
export type Who = typeof WHO[number];

export interface Exchange {
  readonly name: string;
  readonly who: Who;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: there is none. */
  readonly body: string | null;
  readonly status: number;
  /** A content type, or the name of a problem. */
  readonly kind: string;
  /** Lines behind the status that are `name: value`. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly answer: string;
}

export interface GoldenProblem {
  readonly status: number;
  readonly code: number;
  readonly retriable: boolean;
  readonly title: string;
  readonly hint: string;
}

export type Kept = Map<string, string>;

const FOLDER = join(ROOT, "tests", "golden", "http");
const PROBLEM_TYPE = "application/problem+json";
const FIELD = /^([A-Za-z][\w.-]*|line \d+): (.*)$/;
/** Its lines look like headers. */
export const EVENTS = "text/event-stream";
const NO_ANSWER_TYPE = "-";

function paragraphs(file: string): string[][] {
  const text = readFileSync(join(FOLDER, file), "utf8");
  return text.trim().split(/\n{2,}/).map((part) => part.split("\n"));
}

/** The exchanges of a file, in their order. A paragraph of comments alone is for people. */
export function exchangesOf(file: string): Exchange[] {
  return paragraphs(file).flatMap((lines) => {
    const of = (mark: string): string[] => {
      return lines.filter((line) => line[0] === mark).map((line) => line.slice(2));
    };
    assert.ok(lines.every((line) => /^[#><]( |$)/.test(line)), lines.join("\n"));
    return of(">").length === 0 ? [] : [exchangeOf(of("#").join(" "), of(">"), of("<"))];
  });
}

function exchangeOf(name: string, asked: readonly string[], told: readonly string[]): Exchange {
  const [who = "", method = "", target = ""] = asked[0]!.split(/ +/);
  assert.ok(WHO.includes(who as Who) && /^[/$]/.test(target), asked[0]!);
  const [status = "", ...kind] = told[0]!.split(" ");
  const [headers, body] = fieldsAndText(asked.slice(1));
  const [fields, answer] = kind[0] === EVENTS ? [[], told.slice(1)] : fieldsAndText(told.slice(1));
  return {
    name: `${name} (${who} ${method} ${target})`,
    who: who as Who,
    method,
    target,
    headers: Object.fromEntries(headers),
    body: body.length === 0 ? null : body.join("\n"),
    status: Number(status),
    kind: kind.join(" ") || NO_ANSWER_TYPE,
    fields,
    answer: answer.join("\n"),
  };
}

function fieldsAndText(lines: readonly string[]): [fields: [string, string][], text: string[]] {
  const first = lines.findIndex((line) => !FIELD.test(line));
  const end = first < 0 ? lines.length : first;
  const fields = lines.slice(0, end).map((line): [string, string] => {
    const [, name = "", value = ""] = FIELD.exec(line)!;
    return [name, value];
  });
  return [fields, lines.slice(end)];
}

/** The problems by name: status, code and name, then title and hint on a line each. */
export function goldenProblems(): ReadonlyMap<string, GoldenProblem> {
  const rows = paragraphs("problems.txt").filter(([first = ""]) => !first.startsWith("#"));
  return new Map(rows.map(([first = "", title = "", hint = ""]) => {
    const [status, code, name = "", retry] = first.split(" ");
    const isRetriable = retry === "retriable";
    return [name, {
      status: Number(status),
      code: Number(code),
      retriable: isRetriable,
      title,
      hint,
    }];
  }));
}

/** A row of routes.txt. */
export interface GoldenRoute {
  readonly method: string;
  /** As a request has it, with $WHO where each asks for something of its own. */
  readonly target: string;
  /** "-": it takes none. */
  readonly bodyKind: string;
  readonly statuses: ReadonlyMap<Who, number>;
  readonly body: string | null;
}

export function goldenRoutes(): GoldenRoute[] {
  const rows = paragraphs("routes.txt").flat().filter((line) => /^[A-Z]+ +\//.test(line));
  return rows.map((line) => {
    const [method = "", target = "", bodyKind = "", ...rest] = line.split(/ +/);
    const statuses = new Map(WHO.map((who, index) => [who, Number(rest[index])]));
    const body = rest.slice(WHO.length).join(" ");
    return { method, target, bodyKind, statuses, body: body === "" ? null : body };
  });
}

/** What was kept, in the place of $name. */
export function filled(text: string, kept: Kept): string {
  return text.replaceAll(/\$([A-Za-z]+)/g, (_, name: string) => {
    const value = kept.get(name);
    assert.ok(value !== undefined, `nothing was kept as ${name}`);
    return value;
  });
}

/** Fails where an answer is not the one that was written down. */
export function expectAnswer(
  answer: Answer,
  expected: Pick<Exchange, "status" | "kind" | "fields" | "answer">,
  kept: Kept = new Map(),
): void {
  const { status, kind, fields } = expected;
  const problem = PROBLEMS.get(kind);
  if (problem !== undefined) {
    expectProblem(answer, kind, fields.map(([at, text]) => [at, filled(text, kept)]));
    assert.equal(status, problem.status, `${kind} has one status`);
    return;
  }
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get("content-type") ?? NO_ANSWER_TYPE, kind);
  for (const [name, value] of fields) {
    const found = answer.headers.get(name.toLowerCase()) ?? "";
    assert.match(found, patternOf(filled(value, kept)), name);
  }
  const wanted = filled(expected.answer, kept);
  const difference = kind === "application/json"
    ? differenceOf(JSON.parse(answer.text), JSON.parse(wanted), kept)
    : textDifference(answer.text, wanted);
  assert.equal(difference, "", `${difference}\n${answer.text}`);
}

const PROBLEMS = goldenProblems();

/** Every field of a problem: those of its name, and those of this case. */
export function expectProblem(
  answer: Answer,
  name: string,
  fields: readonly (readonly [name: string, value: string])[] = [],
): void {
  const problem = PROBLEMS.get(name);
  assert.ok(problem !== undefined, `${name} is not in problems.txt`);
  const detail = fields.find(([field]) => field === "detail")?.[1];
  const issues = fields.flatMap(([at, message]) => at === "detail" ? [] : [{ at, message }]);
  assert.deepEqual(JSON.parse(answer.text), {
    type: `/docs#${name}`,
    name,
    ...problem,
    ...(detail === undefined ? {} : { detail }),
    ...(issues.length === 0 ? {} : { issues }),
  });
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [
    problem.status,
    PROBLEM_TYPE,
  ]);
}

const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  number: (value) => Number.isSafeInteger(value),
  rate: (value) => typeof value === "number" && value >= 0,
  time: (value) => typeof value === "string" && new Date(value).toISOString() === value,
  uuid: (value) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(value)),
  text: (value) => typeof value === "string" && value !== "",
  any: () => true,
};

/** Empty where they are the same but for placeholders; else where they differ. */
export function differenceOf(found: unknown, wanted: unknown, kept: Kept, at = "body"): string {
  const [, kind = "", as = ""] = typeof wanted === "string"
    ? /^<(\w+)(?: as (\w+))?>$/.exec(wanted) ?? []
    : [];
  if (kind !== "") {
    assert.ok(kind in KINDS, `<${kind}> is no placeholder`);
    if (!KINDS[kind]!(found)) return `${at} is no ${kind}: ${JSON.stringify(found)}`;
    if (as !== "") kept.set(as, String(found));
    return "";
  }
  if (Array.isArray(wanted) && Array.isArray(found)) return listDifference(found, wanted, kept, at);
  if (isObject(wanted) && isObject(found)) {
    const isOpen = "…" in wanted;
    const more = Object.keys(found).find((key) => !isOpen && !(key in wanted));
    if (more !== undefined) return `${at}.${more} is one too many`;
    return Object.keys(wanted).filter((key) => key !== "…").map((key) => {
      if (!(key in found)) return `${at}.${key} is missing`;
      return differenceOf(found[key], wanted[key], kept, `${at}.${key}`);
    }).find((difference) => difference !== "") ?? "";
  }
  const isFitting = typeof found === "string" && typeof wanted === "string" &&
    patternOf(wanted).test(found);
  if (found === wanted || isFitting) return "";
  return `${at} is ${JSON.stringify(found)} and not ${JSON.stringify(wanted)}`;
}

function listDifference(found: unknown[], wanted: unknown[], kept: Kept, at: string): string {
  const isOpen = wanted.includes("…");
  const items = wanted.filter((item) => item !== "…");
  if (!isOpen && found.length !== items.length) {
    return `${at} has ${found.length} entries and not ${items.length}`;
  }
  let next = 0;
  for (const [index, item] of items.entries()) {
    const differences = found.slice(next, isOpen ? undefined : next + 1).map((one) => {
      return differenceOf(one, item, kept, `${at}[${index}]`);
    });
    const fits = differences.indexOf("");
    if (fits < 0) return isOpen ? `${at} has no ${JSON.stringify(item)}` : differences[0]!;
    next += fits + 1;
  }
  return "";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Of a line or a header, in which placeholders stand without quotation marks. */
function patternOf(line: string): RegExp {
  const text = line.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("<number>", "\\d+")
    .replaceAll("<tag>", "[0-9a-f]{8}").replaceAll("<any>", ".*");
  return new RegExp(`^${text}$`);
}

/** Line by line. */
function textDifference(found: string, wanted: string): string {
  const pattern = wanted.split("\n").map((line) => {
    if (line === "…") return "(?:.*\n)*?";
    return `${patternOf(line).source.slice(1, -1)}\n`;
  }).join("");
  const isSame = new RegExp(`^${wanted === "" ? "" : pattern}$`).test(found);
  return isSame ? "" : `the text is not\n${wanted}`;
}
