/**
 * What we use of prom-client: the part that writes the text. What else it has (its own counters,
 * its defaults, a gateway) is never loaded: it costs ten times the time, and needs more of Node.
 */
declare module "prom-client/lib/registry.js" {
  namespace Registry {
    interface Value {
      readonly labels: Readonly<Record<string, string>>;
      readonly value: number;
      /** Where it is not that of the metric. */
      readonly metricName?: string;
    }
    interface Metric {
      /** The registry takes `_total` away for OpenMetrics. */
      name: string;
      readonly type: string;
      get(): Promise<{ name: string; help: string; type: string; values: readonly Value[] }>;
    }
  }
  class Registry {
    static readonly PROMETHEUS_CONTENT_TYPE: string;
    static readonly OPENMETRICS_CONTENT_TYPE: string;
    constructor(contentType: string);
    readonly contentType: string;
    registerMetric(metric: Registry.Metric): void;
    metrics(): Promise<string>;
  }
  export = Registry;
}
