/**
 * Prometheus' own check of metrics. `promtool` comes with Debian's package `prometheus`; without
 * installing it, its server included:
 *
 *     apt-get download prometheus && dpkg -x prometheus_*.deb . && export PATH=$PWD/usr/bin:$PATH
 */
import { spawnSync } from "node:child_process";

const PROMTOOL = "promtool";

/** Why it cannot be asked, or null. */
export function promtoolMissing(): string | null {
  const { status } = spawnSync(PROMTOOL, ["--version"]);
  return status === 0 ? null : "there is no promtool (Debian's package prometheus)";
}

/** What it says of the text; empty when it is content. */
export function promtoolSays(text: string): string {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  const said = `${stdout}${stderr}`.trim();
  return status === 0 ? said : `exit ${status}: ${said}`;
}
