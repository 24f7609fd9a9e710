/**
 * The command `sluice`. Everything that was printed has been written when the command settles, so
 * the process can end although an input that never comes may still be waited for.
 *
 * A `serve` that is plainly right goes its own way from here on: what it does not load, it does not
 * wait for, and does not hold for as long as it runs.
 */

import { later } from "./base/later.ts";
import type { ExitCode } from "./cli/exit_codes.ts";
import { readPlainServe } from "./cli/plain_serve.ts";
import { exitProcess, programArguments } from "./cli/runtime.ts";

exitProcess(await main(programArguments()));

async function main(args: readonly string[]): Promise<ExitCode> {
  const plain = readPlainServe(args);
  if (plain === null) {
    const { run } = await import(later("./cli/run.ts")) as typeof import("./cli/run.ts");
    return await run(args);
  }
  try {
    const { serve } = await import(later("./cli/serve.ts")) as typeof import("./cli/serve.ts");
    return await serve(plain, true);
  } catch (error) {
    const report = await import(later("./cli/report.ts")) as typeof import("./cli/report.ts");
    return report.reportError(error);
  }
}
