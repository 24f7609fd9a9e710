/**
 * `sluice apply -f FILE`: makes the topics of a broker those of a file.
 *
 *     file -> plan -> shown -> (--dry-run: that is all) -> asked, or --yes -> done, one by one
 *
 * Invariant: nothing is changed before all of the file was read and the whole plan was shown.
 */

import fs from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { ConfigError } from "../address.ts";
import { Admin } from "../client/admin.ts";
import { safe, safeJson } from "../tools/text.ts";
import { type Change, changeLines, type Plan, planOf } from "./apply/plan.ts";
import { parseTopicsFile } from "./apply/topics_file.ts";
import { withBroker } from "./broker_connection.ts";
import { isTerminal, mayColor } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import { InputError } from "./input.ts";
import { printError, printText } from "./output.ts";
import { type Color, paint } from "./table.ts";
import type { ApplyCommand } from "./topic_commands.ts";

const STDIN = 0;

export async function apply(command: ApplyCommand): Promise<ExitCode> {
  const { file, prune, dryRun } = command;
  const name = file === "-" ? "standard input" : file;
  const wanted = parseTopicsFile(readText(file, name), name);
  return await withBroker({ broker: command.broker }, async (connection) => {
    const admin = new Admin(connection);
    const plan = planOf(wanted, await admin.topics(), prune);
    await show(command, plan);
    if (dryRun || plan.changes.length === 0) return ExitCode.success;
    if (!command.yes && !await isAgreed(file)) {
      printError("nothing was changed\n");
      return ExitCode.failed;
    }
    for (const change of plan.changes) await carryOut(admin, change);
    printError(`${plan.changes.length} change${plan.changes.length === 1 ? "" : "s"} made\n`);
    return ExitCode.success;
  });
}

function readText(file: string, name: string): string {
  try {
    return fs.readFileSync(file === "-" ? STDIN : file, "utf8");
  } catch (error) {
    throw new InputError(name, error);
  }
}

const SIGNS: Readonly<Record<Change["change"], Color>> = {
  create: "green",
  set: "yellow",
  grow: "yellow",
  delete: "red",
};

async function show({ json, dryRun }: ApplyCommand, plan: Plan): Promise<void> {
  const { changes, same, kept } = plan;
  if (json) await printText(changes.map((change) => `${safeJson(change)}\n`).join(""));
  else {
    const colors = mayColor("stdout");
    const lines = changes.flatMap((change) => {
      const [head = "", ...more] = changeLines(change).map(safe);
      return [colors ? paint(head, SIGNS[change.change]) : head, ...more];
    });
    await printText(lines.map((line) => `${line}\n`).join(""));
  }
  const stays = kept.length === 0 ? "" : `, ${kept.length} not in the file stay (--prune deletes)`;
  const what = dryRun ? "changes to make" : "changes";
  printError(`${changes.length} ${what}, ${same} topics are as they are to be${stays}\n`);
}

/** Throws ConfigError where there is nobody to ask. */
async function isAgreed(file: string): Promise<boolean> {
  if (file === "-" || !isTerminal("stdin") || !isTerminal("stderr")) {
    throw new ConfigError(
      "there is no terminal to ask on, and nothing was changed",
      "Say --yes to make the changes, or --dry-run to see them.",
    );
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once("close", () => resolve("")); // Ctrl-C, Ctrl-D
      lines.question("Make these changes? [y/N] ", resolve);
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

async function carryOut(admin: Admin, change: Change): Promise<void> {
  const { topic } = change;
  switch (change.change) {
    case "create":
      await admin.createTopic(topic, { partitions: change.partitions, config: change.config });
      return printError(`created ${topic}\n`);
    case "set":
      await admin.alterTopic(
        topic,
        Object.fromEntries(change.settings.map(({ key, after }) => [key, after])),
      );
      return printError(`altered ${topic}\n`);
    case "grow":
      await admin.addPartitions(topic, change.after);
      return printError(`${topic} has ${change.after} partitions\n`);
    case "delete":
      await admin.deleteTopic(topic);
      return printError(`deleted ${topic}\n`);
  }
}
