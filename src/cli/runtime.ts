/**
 * The little that a program needs of its runtime to begin, to hear of signals and to end. Not
 * through `node:process`: Deno's first look at any of its Node modules takes 35 ms and 6 MiB, and
 * `serve` there does without.
 */

export type SignalName = "SIGINT" | "SIGTERM";

interface DenoProcess {
  readonly args: readonly string[];
  exit(code: number): never;
  addSignalListener(name: SignalName, handler: () => void): void;
}

const { Deno: deno } = globalThis as { Deno?: DenoProcess };

/** What stands behind the program's name. */
export function programArguments(): readonly string[] {
  return deno?.args ?? process.argv.slice(2);
}

export function exitProcess(code: number): never {
  return deno === undefined ? process.exit(code) : deno.exit(code);
}

export function onSignal(name: SignalName, handler: () => void): void {
  if (deno === undefined) process.on(name, handler);
  else deno.addSignalListener(name, handler);
}
