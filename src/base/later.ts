/**
 * Modules that are wanted later, if at all.
 *
 *     await import(later("./run.ts")) as typeof import("./run.ts")
 *
 * Deno reads all that a literal `import()` leads to before the first line of a program runs: a
 * broker would wait for the modules of every command. It cannot read a name that is computed. Nor
 * can a bundler, which has to be told of such a module.
 */

export function later(specifier: string): string {
  return specifier;
}
