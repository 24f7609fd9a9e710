/**
 * The manual page `sluice(1)`, from the tables that the command line is made of, as docs/CLI.md is.
 *
 *     command tree, settings, exit codes -> man macros of roff
 *
 * Invariant: no text of a table is taken for a request of roff.
 */
import type { CommandNode } from "../src/cli/command_tree.ts";
import { leavesOf } from "../src/cli/command_tree.ts";
import { EXIT_CODES } from "../src/cli/exit_codes.ts";
import { SETTINGS } from "../src/cli/settings.ts";
import { PROGRAM } from "../src/version.ts";

export function manPage(tree: CommandNode): string {
  const sections = [
    `.TH SLUICE 1 "" "${PROGRAM}" "User Commands"`,
    ".SH NAME",
    `sluice ${roff("-")} a log broker, and the commands to look after one`,
    ".SH SYNOPSIS",
    ".B sluice",
    ".I COMMAND",
    "[\\,\\fIOPTIONS\\/\\fR]",
    ".SH DESCRIPTION",
    plain(
      "On a terminal what is printed stands in columns, in a pipe values are separated by tabs, " +
        "and with --json every line is a JSON object. What is for people (summaries, progress, " +
        "complaints) goes to standard error. A reader that closes the pipe ends a command " +
        "without an error.",
    ),
    ".SH COMMANDS",
    ...leavesOf(tree).flatMap(command),
    ".SH SETTINGS",
    plain(
      "Of serve, from the weakest to the strongest: defaults, a file of JSON with comments " +
        "(--config, SLUICE_CONFIG), the environment, the command line.",
    ),
    ...SETTINGS.flatMap(setting),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([code, text]) => [".TP", `.B ${code}`, plain(text)]),
    ".SH ENVIRONMENT",
    ...[
      ["SLUICE_BROKER", "The broker that a command talks to, HOST:PORT."],
      ["SLUICE_RUNTIME", "bun or deno: what the installed command runs under."],
      ["NO_COLOR", "No colors."],
    ].flatMap(([name, text]) => [".TP", `.B ${name}`, plain(text!)]),
    ".SH EXAMPLES",
    ".nf",
    ...EXAMPLES.map((line) => roff(line)),
    ".fi",
  ];
  return `${sections.join("\n")}\n`;
}

const EXAMPLES = [
  "sluice serve --data /var/lib/sluice",
  "sluice topic create orders --partitions 4",
  "printf 'one\\ntwo\\n' | sluice produce orders",
  "sluice consume orders --from -1h -f",
];

function command(node: CommandNode): string[] {
  const words = ["sluice", ...node.path].map(roff).join(" ");
  const operands = node.arguments.map(({ metavar }) => ` \\fI${roff(metavar)}\\fR`).join("");
  const options = node.options.length === 0 ? "" : " [\\fIOPTIONS\\fR]";
  return [
    `.SS ${words}`,
    `\\fB${words}\\fR${operands}${options}`,
    ".PP",
    plain(node.text === "" ? node.brief : node.text),
    ...node.arguments.flatMap(({ metavar, text }) => [".TP", `.I ${roff(metavar)}`, plain(text)]),
    ...node.options.flatMap(({ names, metavar, text }) => {
      const value = metavar === "" ? "" : ` \\fI${roff(metavar)}\\fR`;
      const spelled = names.map((name) => `\\fB${roff(name)}\\fR${value}`).join(", ");
      return [".TP", spelled, plain(text)];
    }),
  ];
}

function setting({ key, variable, flag, allowed, fallback, text }: typeof SETTINGS[number]) {
  const ways = [variable, flag].filter((way) => way !== "").map(roff).join(", ");
  const value = typeof fallback === "object" && fallback !== null
    ? Object.values(fallback).join(":")
    : String(fallback ?? "");
  const told = value === "" ? `${allowed}.` : `${allowed}; default ${value}.`;
  return [".TP", `\\fB${roff(key)}\\fR (${ways})`, plain(`${text} ${told}`)];
}

/** A paragraph. A line break in the text is one on the page. */
function plain(text: string): string {
  if (text.trim() === "") return "\\&";
  return text.split("\n").map(roff).join("\n.br\n");
}

/** Text that says itself: no escapes, no request at the beginning of a line, hyphens to copy. */
function roff(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
