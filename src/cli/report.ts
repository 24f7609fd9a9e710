/**
 * How an error is told: one line that begins with `sluice: `, then what to do next, indented. A
 * stack trace only for a bug, because nobody but us can use one.
 */

import { ConfigError } from "../address.ts";
import { AssertionFailed } from "../base/assert.ts";
import { safe } from "../tools/text.ts";
import { ExitCode } from "./exit_codes.ts";
import { printError } from "./output.ts";

const INDENT = "        ";

/** Prints the error; returns how the process ends. */
export function reportError(error: unknown, where = ""): ExitCode {
  if (isBug(error)) {
    printError(`sluice: a bug: ${error.stack ?? error.message}\n${INDENT}Please report it.\n`);
    return ExitCode.bug;
  }
  printError(`sluice: ${where}${oneLine(messageOf(error))}\n`);
  const hint = hintOf(error);
  if (hint !== "") printError(`${INDENT}${hint}\n`);
  if (error instanceof ConfigError) return ExitCode.usage;
  return isBrokerFailure(error) ? ExitCode.bug : ExitCode.failed;
}

/** Says that a signal ended the command early, and what that means; returns how it ends. */
export function sayCutShort(what: string): ExitCode {
  printError(`sluice: cut short by a signal: ${what}\n`);
  return ExitCode.interrupted;
}

/** Errors that no input and no system can cause. */
export function isBug(error: unknown): error is Error {
  return error instanceof AssertionFailed || error instanceof TypeError ||
    error instanceof RangeError || error instanceof ReferenceError || error instanceof SyntaxError;
}

/** By name: a client's command does not load the broker (`running_broker.ts`) to ask. */
function isBrokerFailure(error: unknown): boolean {
  return error instanceof Error && error.name === "BrokerFailed";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What strangers named is in it. */
function oneLine(text: string): string {
  return safe(text.replace(/\s*\n\s*/g, " ").trim());
}

function hintOf(error: unknown): string {
  const hint = (error as { hint?: unknown } | null)?.hint;
  return typeof hint === "string" ? oneLine(hint) : "";
}
