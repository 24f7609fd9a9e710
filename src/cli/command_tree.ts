/**
 * The commands as a tree of names, taken from the parsers themselves: what completions, the page
 * docs/CLI.md and "did you mean" are made of.
 *
 *     sluice -> topic -> create   --partitions N, --config KEY=VALUE, …, NAME
 *                     -> list     --json, --broker HOST:PORT
 */

import type { DocEntry } from "@optique/core/doc";
import { formatMessage, type Message } from "@optique/core/message";
import { getDocPageSync, type Parser } from "@optique/core/parser";
import type { UsageTerm } from "@optique/core/usage";

export interface OptionNode {
  /** `-f`, `--follow`. */
  readonly names: readonly string[];
  /** Empty: it takes no value. */
  readonly metavar: string;
  /** The values there are, where it is a choice; otherwise empty. */
  readonly choices: readonly string[];
  readonly text: string;
}

export interface ArgumentNode {
  readonly metavar: string;
  readonly text: string;
}

export interface CommandNode {
  /** `["topic", "create"]`; empty for the program. */
  readonly path: readonly string[];
  readonly brief: string;
  readonly text: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly commands: readonly CommandNode[];
}

/** The tree of a parser. */
export function commandTree(parser: Parser<"sync", unknown, unknown>): CommandNode {
  return nodeAt(parser, [], "");
}

function nodeAt(
  parser: Parser<"sync", unknown, unknown>,
  path: readonly string[],
  brief: string,
): CommandNode {
  const page = getDocPageSync(parser, path);
  const entries = page?.sections.flatMap((section) => section.entries) ?? [];
  const commands: CommandNode[] = [];
  const options: OptionNode[] = [];
  const positional: ArgumentNode[] = [];
  for (const entry of entries) {
    const term = innermost(entry.term);
    const text = plain(entry.description);
    if (term.type === "command") commands.push(nodeAt(parser, [...path, term.name], text));
    if (term.type === "option") options.push(optionOf(term, entry, text));
    if (term.type === "argument") positional.push({ metavar: term.metavar, text });
  }
  return { path, brief, text: plain(page?.description), options, arguments: positional, commands };
}

function optionOf(
  term: Extract<UsageTerm, { type: "option" }>,
  entry: DocEntry,
  text: string,
): OptionNode {
  const choices = plain(entry.choices).split(", ").filter((choice) => choice !== "");
  return { names: term.names, metavar: term.metavar ?? "", choices, text };
}

/** What stands inside "optional" and "one or more". */
function innermost(term: UsageTerm): UsageTerm {
  if (term.type !== "optional" && term.type !== "multiple") return term;
  const [inner] = term.terms;
  return inner === undefined ? term : innermost(inner);
}

function plain(message: Message | undefined): string {
  return message === undefined ? "" : formatMessage(message, { quotes: false });
}

/** Every command that can be run, in the order of the tree: some have others below them. */
export function leavesOf(node: CommandNode): CommandNode[] {
  const below = node.commands.flatMap(leavesOf);
  return runsItself(node) ? [node, ...below] : below;
}

function runsItself(node: CommandNode): boolean {
  return node.commands.length === 0 || node.options.length > 0;
}

/** The command that the words lead to, as far as they do. */
export function commandOf(tree: CommandNode, args: readonly string[]): CommandNode {
  let node = tree;
  for (const arg of args) {
    const next = node.commands.find(({ path }) => path.at(-1) === arg);
    if (next !== undefined) node = next;
    else if (!arg.startsWith("-")) return node;
  }
  return node;
}

/**
 * The first word that no command knows, or that an option with a choice does not have, and what
 * could have stood there; null when every word is known.
 */
export function unknownWord(
  tree: CommandNode,
  args: readonly string[],
): { readonly word: string; readonly known: readonly string[] } | null {
  let node = tree;
  for (const [at, arg] of args.entries()) {
    const word = arg.split("=")[0]!;
    if (word.startsWith("--")) {
      const known = [...node.options.flatMap(({ names }) => names), "--help"];
      if (!known.includes(word)) return { word, known };
      const { choices = [] } = node.options.find(({ names }) => names.includes(word)) ?? {};
      const value = arg === word ? args[at + 1] ?? "" : arg.slice(word.length + 1);
      if (choices.length > 0 && !choices.includes(value)) return { word: value, known: choices };
      continue;
    }
    if (node.commands.length === 0 || word.startsWith("-")) continue;
    const next = node.commands.find(({ path }) => path.at(-1) === word);
    if (next === undefined) return { word, known: node.commands.map(({ path }) => path.at(-1)!) };
    node = next;
  }
  return null;
}

/** `topic needs a command: create, list or delete.`; null when there is one. */
export function missingCommand(tree: CommandNode, args: readonly string[]): string | null {
  let node: CommandNode | undefined = tree;
  for (const arg of args) {
    node = node.commands.find(({ path }) => path.at(-1) === arg);
    if (node === undefined) return null;
  }
  if (runsItself(node)) return null;
  const names = node.commands.map(({ path }) => path.at(-1)!);
  return `${["sluice", ...node.path].join(" ")} needs a command: ${names.join(", ")}.`;
}
