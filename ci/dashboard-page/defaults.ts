// What Grafana's panels do where the JSON says nothing. The panels themselves are in the server, which is not on npm;
// so this is by its documentation, and by the defaults in @grafana/schema: among them that a value of 80 is red.
import {
  FieldConfigOptionsRegistry,
  identityOverrideProcessor,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
} from '@grafana/data';
import {
  AxisColorMode,
  AxisPlacement,
  BarAlignment,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphGradientMode,
  LegendDisplayMode,
  LineInterpolation,
  ScaleDistribution,
  StackingMode,
  ThresholdsMode,
  VisibilityMode,
  VizOrientation,
} from '@grafana/schema';
import type { AnyPanel } from './model';

const thresholds = {
  mode: ThresholdsMode.Absolute,
  steps: [
    { color: 'green', value: -Infinity },
    { color: 'red', value: 80 },
  ],
};

const custom = {
  axisColorMode: AxisColorMode.Text,
  axisPlacement: AxisPlacement.Auto,
  axisLabel: '',
  axisBorderShow: false,
  axisCenteredZero: false,
  barAlignment: BarAlignment.Center,
  barWidthFactor: 0.6,
  drawStyle: GraphDrawStyle.Line,
  fillOpacity: 0,
  gradientMode: GraphGradientMode.None,
  hideFrom: { legend: false, tooltip: false, viz: false },
  insertNulls: false,
  lineInterpolation: LineInterpolation.Linear,
  lineStyle: { fill: 'solid' as const },
  lineWidth: 1,
  pointSize: 5,
  scaleDistribution: { type: ScaleDistribution.Linear },
  showPoints: VisibilityMode.Auto,
  spanNulls: false,
  stacking: { mode: StackingMode.None, group: 'A' },
};

export const statOptions = {
  colorMode: BigValueColorMode.Value,
  graphMode: BigValueGraphMode.Area,
  justifyMode: BigValueJustifyMode.Auto,
  orientation: VizOrientation.Auto,
  percentChangeColorMode: 'standard',
  reduceOptions: { calcs: ['lastNotNull'], values: false },
  showPercentChange: false,
  textMode: BigValueTextMode.Auto,
};

export const legendOptions = {
  displayMode: LegendDisplayMode.List,
  placement: 'bottom' as const,
  calcs: [],
  showLegend: true,
};

export function fieldConfigOf(panel: AnyPanel): FieldConfigSource {
  const { defaults, overrides } = panel.fieldConfig as unknown as FieldConfigSource;
  const given = defaults.thresholds;
  const steps = given?.steps.map((step) => ({ ...step, value: step.value ?? -Infinity }));
  return {
    overrides,
    defaults: {
      color: { mode: panel.type === 'stat' ? 'thresholds' : 'palette-classic' },
      ...defaults,
      thresholds: given && steps ? { ...given, steps } : thresholds,
      ...(panel.type === 'timeseries' ? { custom: { ...custom, ...defaults.custom } } : {}),
    },
  };
}

// applyFieldOverrides takes the properties that this names.
export function registryOf(config: FieldConfigSource): FieldConfigOptionsRegistry {
  const item = (path: string, isCustom: boolean) =>
    ({
      id: isCustom ? `custom.${path}` : path,
      path,
      isCustom,
      name: path,
      process: identityOverrideProcessor,
      shouldApply: () => true,
      override: () => null,
      editor: () => null,
    }) as unknown as FieldConfigPropertyItem;
  const standard = [
    'unit',
    'min',
    'max',
    'decimals',
    'displayName',
    'noValue',
    'color',
    'thresholds',
    'mappings',
    'links',
    'description',
  ];
  return new FieldConfigOptionsRegistry(() => [
    ...standard.map((path) => item(path, false)),
    ...Object.keys({
      ...custom,
      ...config.defaults.custom,
      axisSoftMax: 0,
      axisSoftMin: 0,
      thresholdsStyle: 0,
      transform: 0,
    }).map((path) => item(path, true)),
  ]);
}
