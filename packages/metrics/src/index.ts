export { type AlarmOptions, type AlarmResource, alarms } from "./alarms.ts";
export type { DimensionSource } from "./cloudwatch-sink.ts";
export {
  cloudWatchDashboard,
  type DashboardBody,
  type DashboardMetric,
  type DashboardOptions,
  type DashboardWidget,
} from "./dashboard.ts";
export type { FigureDimension } from "./dimension-sets.ts";
export type { Metadata } from "./emf/document.ts";
export type {
  Dimensions,
  MetricResolution,
  MetricUnit,
} from "./emf/rules.ts";
export type { Figure } from "./figures.ts";
export {
  MetricsEmitter,
  type MetricsEmitterOptions,
  type RecordOptions,
} from "./metrics-emitter.ts";
export { metrics, metrics as default } from "./middleware.ts";
export { type MetricsOptions, metricsValidateOptions } from "./options.ts";
export type { PowertoolsMetrics } from "./powertools.ts";
