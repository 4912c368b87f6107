// What the dashboard's JSON may be, by the types that Grafana publishes, and stricter where these are open: options
// and custom fields are those of the panel's type, and no others; units, colours and calculations are words that
// @grafana/data knows (words.ts, which check.mjs writes).
import type {
  Dashboard,
  DataQuery,
  FieldConfig,
  FieldConfigSource,
  GraphFieldConfig,
  Panel,
  ThresholdsConfig,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { Calc, Colour, Unit } from './words';

// As JSON writes it: an enum's member is its text.
type Json<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends Array<infer E>
        ? Array<Json<E>>
        : { [K in keyof T]: Json<T[K]> };

// Grafana fills in what an option leaves out.
type Some<T> =
  T extends Array<infer E>
    ? Array<Some<E>>
    : T extends object
      ? { [K in keyof T]?: K extends 'calcs' ? Calc[] : Some<T[K]> }
      : T;

// Grafana publishes no type of a query to Prometheus in these packages; these are the keys that ours have.
type Query = Json<DataQuery> & { expr: string; legendFormat: string; instant?: boolean; range?: boolean };

type Thresholds = Omit<Json<ThresholdsConfig>, 'steps'> & { steps: Array<{ color: Colour; value: number | null }> };

type Field<Custom> = Omit<Json<FieldConfig>, 'custom' | 'unit' | 'thresholds' | 'color'> & {
  unit: Unit | 'count:/s';
  thresholds?: Thresholds;
  color?: Omit<Json<NonNullable<FieldConfig['color']>>, 'fixedColor' | 'mode'> & {
    mode: 'thresholds' | 'fixed' | 'shades' | 'palette-classic' | 'palette-classic-by-name';
    fixedColor?: Colour;
  };
  custom?: Custom;
};

// One property of one field, in place of the panel's.
type Properties<Custom> = {
  [K in keyof Field<Custom>]: K extends 'custom' ? never : { id: K; value: Field<Custom>[K] };
};
type CustomProperties<Custom> = { [K in keyof Custom & string]: { id: `custom.${K}`; value: Custom[K] } };
type Override<Custom> = {
  matcher: { id: 'byName' | 'byRegexp' | 'byFrameRefID'; options: string };
  properties: Array<
    | NonNullable<Properties<Custom>[keyof Properties<Custom>]>
    | NonNullable<CustomProperties<Custom>[keyof CustomProperties<Custom>]>
    | { id: 'color'; value: NonNullable<Field<Custom>['color']> }
  >;
};

type Shown<Type extends string, Options, Custom> = Omit<
  Json<Panel>,
  'type' | 'title' | 'description' | 'gridPos' | 'options' | 'targets' | 'fieldConfig'
> & {
  type: Type;
  title: string;
  description: string;
  gridPos: Json<NonNullable<Panel['gridPos']>>;
  options: Some<Json<Options>>;
  targets: Query[];
  fieldConfig: Omit<Json<FieldConfigSource>, 'defaults' | 'overrides'> & {
    defaults: Field<Custom>;
    overrides: Array<Override<Custom>>;
  };
};

export type StatPanel = Shown<'stat', StatOptions, Record<string, never>>;
export type TimeSeriesPanel = Shown<'timeseries', TimeSeriesOptions, Some<Json<GraphFieldConfig>>>;
export type AnyPanel = StatPanel | TimeSeriesPanel;
export type Model = Omit<Json<Dashboard>, 'panels'> & { panels: AnyPanel[] };
