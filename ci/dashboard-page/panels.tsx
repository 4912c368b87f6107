// The two types of panel that the dashboard has, put together from Grafana's components as the server's panels do it.
import {
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type DataFrame,
  type DisplayValueAlignmentFactors,
  type FieldConfigSource,
  type FieldDisplay,
  type GrafanaTheme2,
  type TimeRange,
} from '@grafana/data';
import { BigValueGraphMode, BigValueTextMode } from '@grafana/schema';
import { BigValue, TimeSeries, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import type { StatPanel, TimeSeriesPanel } from './model';
import { legendOptions, statOptions } from './defaults';

interface Shown<Panel> {
  panel: Panel;
  frames: DataFrame[];
  config: FieldConfigSource;
  theme: GrafanaTheme2;
  range: TimeRange;
  width: number;
  height: number;
}

export function Stat({ panel, frames, config, theme, range, width, height }: Shown<StatPanel>) {
  const options = { ...statOptions, ...panel.options } as typeof statOptions;
  const reduceOptions = { ...statOptions.reduceOptions, ...options.reduceOptions };
  const named = options.textMode === BigValueTextMode.Auto && config.defaults.displayName;
  const values = () =>
    getFieldDisplayValues({
      fieldConfig: config,
      reduceOptions,
      replaceVariables: (text) => text,
      theme,
      data: frames,
      sparkline: options.graphMode !== BigValueGraphMode.None,
      timeZone: 'utc',
    });
  const one = ({
    value,
    alignmentFactors,
    width,
    height,
    count,
  }: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) => {
    const { display } = value;
    const { sparkline } = value;
    if (sparkline) {
      sparkline.timeRange = range;
    }
    return (
      <BigValue
        value={display}
        count={count}
        sparkline={sparkline}
        colorMode={options.colorMode}
        graphMode={options.graphMode}
        justifyMode={options.justifyMode}
        textMode={named ? BigValueTextMode.ValueAndName : options.textMode}
        alignmentFactors={alignmentFactors}
        width={width}
        height={height}
        theme={theme}
      />
    );
  };
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={one}
      width={width}
      height={height}
      source={frames}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={options.orientation as never}
    />
  );
}

export function Graph({ panel, frames, range, width, height }: Shown<TimeSeriesPanel>) {
  if (!frames.length) {
    return <div className="empty">No data</div>;
  }
  return (
    <TimeSeries
      frames={frames}
      timeRange={range}
      timeZone="utc"
      width={width}
      height={height}
      legend={{ ...legendOptions, ...panel.options.legend } as never}
      options={panel.options}
    />
  );
}
