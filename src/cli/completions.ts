/**
 * `sluice completions bash|zsh|fish`: a script for the shell, made from the tree of commands. It
 * needs nothing when it runs: no word is looked up by starting the program.
 *
 *     words so far -> path of the command -> its subcommands, options, choices; else files
 *
 * Invariant: only a word that leads to a command moves the path: a topic may be called `config`.
 */

import { type CommandNode, commandTree, leavesOf, type OptionNode } from "./command_tree.ts";
import { commands } from "./command_line.ts";
import { ExitCode } from "./exit_codes.ts";
import type { CompletionsCommand } from "./node_commands.ts";
import { printText } from "./output.ts";

export async function completions({ shell }: CompletionsCommand): Promise<ExitCode> {
  await printText(completionScript(shell, commandTree(commands)));
  return ExitCode.success;
}

export function completionScript(shell: CompletionsCommand["shell"], tree: CommandNode): string {
  switch (shell) {
    case "bash":
      return bashScript(tree);
    case "zsh":
      return zshScript(tree);
    case "fish":
      return fishScript(tree);
  }
}

/** The commands that have others below them, the program first. */
function branches(node: CommandNode): CommandNode[] {
  if (node.commands.length === 0) return [];
  return [node, ...node.commands.flatMap(branches)];
}

const HELP = "Show help";

function nameOf(node: CommandNode): string {
  return node.path.at(-1)!;
}

function optionWords(node: CommandNode): string {
  return [...node.options.flatMap(({ names }) => names), "--help"].join(" ");
}

const BASH_HEAD = `# Completions of sluice for bash. In ~/.bashrc: source <(sluice completions bash)
_sluice() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
`;

/** A case per command: words that lead to it; then a case per choice; then the words after it. */
function bashScript(tree: CommandNode): string {
  const all = [...new Set([...branches(tree).slice(1), ...leavesOf(tree)])];
  const steps = all.map(({ path }) => {
    const before = path.slice(0, -1).map((name) => ` ${name}`).join("");
    const whole = path.map((name) => ` ${name}`).join("");
    return `      "${before} ${path.at(-1)}") path="${whole}" ;;\n`;
  });
  const choices = leavesOf(tree).flatMap((leaf) =>
    leaf.options.filter((option) => option.choices.length > 0).map((option) => {
      const names = option.names.map((name) => `" ${leaf.path.join(" ")} ${name}"`).join("|");
      return `    ${names}) words="${option.choices.join(" ")}" ;;\n`;
    })
  );
  const valued = leavesOf(tree).flatMap((leaf) =>
    leaf.options.filter(({ metavar, choices }) => metavar !== "" && choices.length === 0)
      .flatMap(({ names }) => names.map((name) => `" ${leaf.path.join(" ")} ${name}"`))
  );
  const below = branches(tree).map((node) => {
    const path = node.path.map((name) => ` ${name}`).join("");
    return `    "${path}") words="${node.commands.map(nameOf).join(" ")} ${
      optionWords(node)
    }" ;;\n`;
  });
  const options = leavesOf(tree).filter(({ commands }) => commands.length === 0).map((leaf) => {
    return `    " ${leaf.path.join(" ")}") words="${optionWords(leaf)}" ;;\n`;
  });
  return BASH_HEAD + steps.join("") + `    esac
  done
  local words=""
  case "$path $previous" in
${choices.join("")}    ${valued.join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  [ -n "$words" ] || case "$path" in
${below.join("")}${options.join("")}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _sluice sluice
`;
}

/** zsh: _arguments per command, descriptions beside the words. */
function zshScript(tree: CommandNode): string {
  const functions = [
    ...branches(tree).map(zshBranch),
    ...leavesOf(tree).filter(({ commands }) => commands.length === 0).map(zshLeaf),
  ];
  return `#compdef sluice
# Completions of sluice for zsh. Into a directory of $fpath: sluice completions zsh > _sluice
${functions.join("")}_sluice "$@"
`;
}

function zshName(path: readonly string[]): string {
  return ["_sluice", ...path].join("_").replace(/-/g, "_");
}

/** What may have options itself (`config`) takes them where no command is named. */
function zshBranch(node: CommandNode): string {
  const options = node.options.length === 0 ? "" : `  if [[ $words[2] == -* ]]; then
    _arguments ${zshOptions(node).map((option) => `\\\n      ${option}`).join(" ")}
    return
  fi
`;
  const words = node.commands.map((child) => {
    return `    '${nameOf(child)}:${zshText(child.brief)}'\n`;
  });
  const cases = node.commands.map((child) => `    ${nameOf(child)}) ${zshName(child.path)} ;;\n`);
  return `${zshName(node.path)}() {
  local -a words_below=(
${words.join("")}  )
${options}  if (( CURRENT == 2 )); then
    _describe command words_below
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join("")}  esac
}
`;
}

function zshLeaf(node: CommandNode): string {
  return `${zshName(node.path)}() {
  local -a spec=(
${zshOptions(node).map((option) => `    ${option}\n`).join("")}    '*:file:_files'
  )
  _arguments $spec
}
`;
}

function zshOptions(node: CommandNode): string[] {
  const options = node.options.flatMap((option) => {
    return option.names.map((name) => `'*${name}[${zshText(option.text)}]${zshValue(option)}'`);
  });
  return [...options, `'--help[${HELP}]'`];
}

function zshValue({ metavar, choices }: OptionNode): string {
  if (metavar === "") return "";
  return choices.length > 0
    ? `:${metavar}:(${choices.join(" ")})`
    : `:${metavar.replace(/:/g, " ")}:_files`;
}

/** What stands between quotes and brackets. */
function zshText(text: string): string {
  return firstSentence(text).replace(/'/g, "").replace(/[[\]:]/g, " ");
}

const FISH_HEAD = `# Completions of sluice for fish. Into ~/.config/fish/completions/sluice.fish
function __sluice_at
  set -l path ""
  set -l words (commandline -opc)
  for word in $words[2..]
    switch "$path $word"
`;

/** A function that says whether the words so far lead to a command; a line per word to offer. */
function fishScript(tree: CommandNode): string {
  const all = [...new Set([...branches(tree), ...leavesOf(tree)])];
  const known = all.map(fishPath).filter((path) => path !== "").map((path) => `"${path}"`);
  const lines = all.flatMap((node) => {
    const when = `__sluice_at '${fishPath(node)}'`;
    return [
      ...node.commands.map((child) => {
        return `complete -c sluice -f -n "${when}" -a ${nameOf(child)} -d ${fishText(child.brief)}`;
      }),
      ...node.options.map((option) => fishOption(when, option)),
      `complete -c sluice -n "${when}" -l help -d '${HELP}'`,
    ];
  });
  return FISH_HEAD + `      case ${known.join(" ")}
        set path "$path $word"
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function fishPath(node: CommandNode): string {
  return node.path.map((name) => ` ${name}`).join("");
}

function fishOption(when: string, { names, metavar, choices, text }: OptionNode): string {
  const words = names.map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name[1]}`
  );
  const value = metavar === "" ? "" : choices.length > 0 ? ` -x -a "${choices.join(" ")}"` : " -r";
  return `complete -c sluice -n "${when}" ${words.join(" ")}${value} -d ${fishText(text)}`;
}

function fishText(text: string): string {
  return `'${firstSentence(text).replace(/[\\']/g, "\\$&")}'`;
}

function firstSentence(text: string): string {
  return text.split(/\.(?:\s|$)/)[0]!;
}
