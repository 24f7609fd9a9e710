/**
 * Python, and packages of PyPI for it: installed by pip into a folder of the cache that
 * ../shared/peers uses too, once per machine.
 */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export const PYTHON = "python3";
const CACHE = process.env["SLUICE_PEERS"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sluice-peers");
const INSTALL_WITHIN_MS = 300_000;

/** Why there is no Python to run, or null. */
export function pythonMissing(): string | null {
  const { status } = spawnSync(PYTHON, ["--version"]);
  return status === 0 ? null : `there is no ${PYTHON}`;
}

/** Where packages under this name are installed: for PYTHONPATH. */
export function packagesFolder(name: string): string {
  return join(CACHE, name);
}

/**
 * Why packages cannot be used here, or null. Installs them where they are missing; `packages` are
 * arguments of pip.
 */
export function packagesMissing(name: string, packages: readonly string[]): string | null {
  const folder = packagesFolder(name);
  if (existsSync(folder)) return null;
  const python = spawnSync(PYTHON, ["-m", "pip", "--version"], { encoding: "utf8" });
  if (python.status !== 0) return `there is no ${PYTHON} with pip`;
  const unfinished = `${folder}.${process.pid}`;
  const args = ["-m", "pip", "install", "--quiet", "--target", unfinished, ...packages];
  const installed = spawnSync(PYTHON, args, { encoding: "utf8", timeout: INSTALL_WITHIN_MS });
  if (installed.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    const said = (installed.stderr ?? "").trim().split("\n").at(-1);
    return `${name} cannot be installed: ${said}`;
  }
  if (existsSync(folder)) rmSync(unfinished, { recursive: true }); // somebody was faster
  else renameSync(unfinished, folder);
  return null;
}
