/**
 * Families as text, in the format that a client asks for: Prometheus' own, or OpenMetrics. By the
 * registry of prom-client, a fresh one for each answer.
 *
 *     # HELP sluice_topic_bytes_in_total Bytes of appended batches.
 *     # TYPE sluice_topic_bytes_in_total counter
 *     sluice_topic_bytes_in_total{topic="orders"} 4711
 *
 * Invariant: a family without samples is left out.
 */

import Registry from "prom-client/lib/registry.js";
import type { Distribution, Family } from "./family.ts";

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export const PROMETHEUS_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;
export const OPENMETRICS_TYPE: string = Registry.OPENMETRICS_CONTENT_TYPE;

const OPENMETRICS = "application/openmetrics-text";
const PROMETHEUS: readonly string[] = ["text/plain", "text/*", "*/*"];

/** The format that `accept` (empty: no header) likes best; Prometheus' own in doubt. */
export function typeWanted(accept: string): string {
  let openMetrics = 0;
  let prometheus = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === OPENMETRICS) openMetrics = Math.max(openMetrics, quality);
    if (PROMETHEUS.includes(type)) prometheus = Math.max(prometheus, quality);
  }
  return openMetrics > 0 && openMetrics >= prometheus ? OPENMETRICS_TYPE : PROMETHEUS_TYPE;
}

export async function exposition(
  families: readonly Family[],
  contentType: string,
): Promise<Exposition> {
  const registry = new Registry(contentType);
  for (const family of families) {
    const values = valuesOf(family, contentType === OPENMETRICS_TYPE);
    if (values.length === 0) continue;
    const { name, help, type } = family;
    const metric: Registry.Metric = {
      name,
      type,
      get: () => Promise.resolve({ name: metric.name, help, type, values }),
    };
    registry.registerMetric(metric);
  }
  return { contentType, text: await registry.metrics() };
}

function qualityOf(parameters: readonly string[]): number {
  const found = parameters.find((parameter) => parameter.startsWith("q="));
  const quality = found === undefined ? 1 : Number(found.slice(2));
  return Number.isFinite(quality) ? quality : 0;
}

function valuesOf(family: Family, isOpenMetrics: boolean): Registry.Value[] {
  if (family.type !== "histogram") return [...family.samples];
  return family.distributions.flatMap((one) => histogramValues(family.name, one, isOpenMetrics));
}

function histogramValues(
  name: string,
  { labels, count, sum, buckets }: Distribution,
  isOpenMetrics: boolean,
): Registry.Value[] {
  const bucket = (le: string, value: number): Registry.Value => {
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value };
  };
  return [
    ...buckets.map(([le, below]) => bucket(endText(le, isOpenMetrics), below)),
    bucket("+Inf", count),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/** OpenMetrics writes every number of `le` with its fraction: 1.0. */
function endText(le: number, isOpenMetrics: boolean): string {
  return isOpenMetrics && Number.isInteger(le) ? le.toFixed(1) : String(le);
}
