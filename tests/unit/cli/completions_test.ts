/**
 * The scripts of the shells, run by the shells: what is typed, and what is then offered. Debian:
 * apt-get install zsh fish.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { commands } from "../../../src/cli/command_line.ts";
import { commandTree, leavesOf } from "../../../src/cli/command_tree.ts";
import { completionScript } from "../../../src/cli/completions.ts";
import { testOrSkip } from "../../support/skip.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const tree = commandTree(commands);

/** What is offered at the end of each line that was typed. */
type Complete = (typed: readonly string[]) => string[][];

/** Between what is offered for two lines. */
const NEXT = "----";

const SHELLS: Readonly<Record<"bash" | "zsh" | "fish", Complete>> = {
  bash: (typed) => {
    const script = join(temporaryDirectory("bash"), "sluice.bash");
    writeFileSync(script, completionScript("bash", tree));
    const code = typed.flatMap((line) => {
      const words = line.split(" ");
      return [
        `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
        `COMP_CWORD=${words.length - 1}`,
        "_sluice",
        `printf "%s\\n" "\${COMPREPLY[@]}" ${NEXT}`,
      ];
    });
    return offersIn(said("bash", ["-c", [`source ${script}`, ...code].join("\n")]));
  },
  fish: (typed) => {
    const home = temporaryDirectory("fish");
    const script = join(home, "sluice.fish");
    writeFileSync(script, completionScript("fish", tree));
    const code = typed.map((line) => `complete -C '${line}'; echo ${NEXT}`);
    const env = { HOME: home, XDG_DATA_HOME: home };
    const text = said("fish", ["--no-config", "-c", [`source ${script}`, ...code].join("\n")], env);
    return offersIn(text.replace(/\t.*$/gm, ""));
  },
  // A zsh on a terminal of its own, in which whatever would be offered is written down.
  zsh: (typed) => {
    const home = temporaryDirectory("zsh");
    writeFileSync(join(home, "_sluice"), completionScript("zsh", tree));
    writeFileSync(join(home, "inner"), INNER);
    writeFileSync(join(home, "outer"), OUTER);
    const output = said("zsh", ["-f", join(home, "outer"), home, ...typed]);
    assert.doesNotMatch(output, /_sluice.*:\d+:/, "no error of the script");
    return offersIn(readFileSync(join(home, "offered"), "utf8"));
  },
};

function offersIn(text: string): string[][] {
  const parts = `\n${text}`.split(`\n${NEXT}`).slice(0, -1);
  return parts.map((part) => part.split("\n").filter((word) => word !== "").sort());
}

/** The shell that completes: `compadd` is told every match, and writes it down. */
const INNER = [
  "PROMPT=",
  "stty -echo",
  "fpath=($1 $fpath)",
  "autoload -Uz compinit",
  "compinit -u -d $1/dump",
  "OFFERED=$1/offered",
  "compadd() {",
  '  [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] && { builtin compadd "$@"; return }',
  "  local -a found; local one",
  '  builtin compadd -A found "$@"',
  "  for one in $found; do print -r -- $one; done >> $OFFERED",
  "}",
  `clear-line() { print -r -- ${NEXT} >> $OFFERED; BUFFER= }`,
  "zle -N clear-line",
  "bindkey '^T' clear-line",
  "bindkey '^I' complete-word",
  "print READY",
  "",
].join("\n");

/** The shell that types, with a tab and ^T behind each line. */
const OUTER = [
  "zmodload zsh/zpty",
  "zpty shell zsh -f -i",
  'zpty -w shell "source $1/inner $1"',
  "while zpty -r shell line; do [[ $line == *READY* ]] && break; done",
  "touch $1/offered",
  "for typed in {2..$#}; do",
  `  zpty -w -n shell "$argv[typed]"$'\\t\\x14'`,
  `  until (( $(grep -c -- ${NEXT} $1/offered) >= typed - 1 )); do`,
  "    zpty -r -t shell line && print -r -- $line",
  "  done",
  "done",
  "zpty -w shell exit",
  "while zpty -r shell line; do print -r -- $line; done",
  "",
].join("\n");

const LINES: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ["sluice prod", ["produce"]],
  ["sluice topic cr", ["create"]],
  ["sluice topic create t --part", ["--partitions"]],
  ["sluice serve --sync-method a", ["aio", "auto"]],
  ["sluice config run", ["running"]],
  ["sluice config --da", ["--data"]],
  // A topic that is called as a command is.
  ["sluice produce config --ack", ["--acks"]],
];

for (const [shell, complete] of Object.entries(SHELLS)) {
  testOrSkip(`${shell} completes commands, options and choices`, missing(shell), () => {
    const leaves = leavesOf(tree);
    const typed = ["sluice ", ...leaves.map(({ path }) => `sluice ${path.join(" ")} --`)];
    const [first = [], ...offered] = complete([...typed, ...LINES.map(([line]) => line)]);
    for (const { path } of tree.commands) assert.ok(first.includes(path[0]!), path.join());
    for (const [at, { path, options }] of leaves.entries()) {
      const wanted = options.flatMap(({ names }) => names.filter((name) => name.startsWith("--")));
      for (const name of [...wanted, "--help"]) {
        assert.ok(offered[at]!.includes(name), `${path.join(" ")} ${name}`);
      }
    }
    for (const [at, [line, wanted]] of LINES.entries()) {
      assert.deepEqual(offered[leaves.length + at], wanted, line);
    }
  });
}

function said(shell: string, args: string[], env: Record<string, string> = {}): string {
  const cwd = temporaryDirectory("cwd");
  mkdirSync(join(cwd, "a-folder"));
  const options = { encoding: "utf8", cwd, env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(shell, args, options);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout.trim();
}

function missing(shell: string): string | null {
  const { error } = spawnSync(shell, ["--version"]);
  if (error === undefined) return null;
  return `${shell} is not on this machine (Debian: apt-get install ${shell})`;
}
