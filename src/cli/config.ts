/** `sluice config`: every setting, its value, and where that came from. */

import { readEnvironment, settingVariables } from "./variables.ts";
import { ExitCode } from "./exit_codes.ts";
import type { ConfigCommand } from "./serve_command.ts";
import { resolveSettings, settingText, type SettingValue } from "./settings.ts";
import { type Column, printRows } from "./table.ts";

type Row = ReturnType<typeof rowOf>;

const COLUMNS: readonly Column<Row>[] = [
  { title: "SETTING", text: ({ key }) => key },
  { title: "VALUE", text: ({ value }) => value },
  { title: "FROM", text: ({ source, place }) => place === "" ? source : `${source} (${place})` },
  { title: "VARIABLE", text: ({ variable }) => variable },
  { title: "ALLOWED", text: ({ allowed }) => allowed },
];

export async function config(command: ConfigCommand): Promise<ExitCode> {
  const values = resolveSettings({
    file: command.file ?? readEnvironment("SLUICE_CONFIG"),
    environment: settingVariables(),
    said: command.said,
  });
  await printRows(command, COLUMNS, values.map(rowOf));
  return ExitCode.success;
}

function rowOf(value: SettingValue): {
  key: string;
  value: string;
  source: string;
  place: string;
  variable: string;
  allowed: string;
  text: string;
} {
  const { setting: { key, variable, allowed, text }, source, place } = value;
  return { key, value: settingText(value), source, place, variable, allowed, text };
}
