/** Types of runtime.mjs, which is plain JavaScript because Node starts it. */
export type RuntimeName = "bun" | "deno";
export interface Runtime {
  name: RuntimeName;
  path: string;
}
export declare const ROOT: string;
export declare const MAIN: string;
export declare const RUNTIMES: readonly RuntimeName[];
export declare const DENO_BROKER_PERMISSIONS: readonly string[];
export declare const DENO_SCRIPT_PERMISSIONS: readonly string[];
export declare function currentRuntime(): RuntimeName | "node";
export declare function findRuntime(name: RuntimeName): string | null;
export declare function argumentsFor(name: RuntimeName, permissions: readonly string[]): string[];
export declare function denoProject(): string[];
export declare function isAtHome(): boolean;
export declare function chooseRuntime(): Runtime;
export declare function runUnder(
  file: string,
  args: readonly string[],
  permissions: readonly string[],
): void;
