// A panel's queries, asked of Prometheus with the variables as Grafana fills them in, and the answers as data frames.
import { FieldType, dateTime, rangeUtil, toDataFrame, type DataFrame, type TimeRange } from '@grafana/data';
import type { AnyPanel } from './model';

export interface Source {
  url: string;
  scrapeSeconds: number;
  instances: string[]; // of $instance, where all are chosen
}

type Labels = Record<string, string>;
type Series = { metric: Labels; values: Array<[number, string]> };

async function get<T>(source: Source, path: string, query: Record<string, string>): Promise<T> {
  const response = await fetch(`${source.url}/api/v1/${path}?${new URLSearchParams(query)}`);
  const body = await response.json();
  if (body.status !== 'success') {
    throw new Error(`${query.query}: ${body.error}`);
  }
  return body.data;
}

export async function readInstances(source: Omit<Source, 'instances'>, range: TimeRange): Promise<string[]> {
  const found = await get<string[]>({ ...source, instances: [] }, 'label/instance/values', {
    'match[]': 'toa_up',
    start: String(range.from.unix()),
    end: String(range.to.unix()),
  });
  return found.sort();
}

// The step is a point each pixel, at least a scrape; $__rate_interval has four scrapes, at least.
function interpolate(expr: string, source: Source, step: number, range: TimeRange): string {
  const values: Record<string, string> = {
    $__rate_interval: `${Math.max(step + source.scrapeSeconds, 4 * source.scrapeSeconds)}s`,
    $__range: `${range.to.unix() - range.from.unix()}s`,
    $instance: `(${source.instances.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\\\$&')).join('|')})`,
  };
  const filled = Object.entries(values).reduce((text, [name, value]) => text.replaceAll(name, value), expr);
  if (filled.includes('$')) {
    throw new Error(`a variable that this page does not know: ${filled}`);
  }
  return filled;
}

function frameOf(series: Series, legend: string, refId: string, step: number): DataFrame {
  const name = legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => series.metric[label] ?? '');
  const frame = toDataFrame({
    refId,
    name,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        values: series.values.map(([at]) => at * 1000),
        config: { interval: step * 1000 },
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels: series.metric,
        values: series.values.map(([, value]) => Number(value)),
        config: { displayNameFromDS: name },
      },
    ],
  });
  return frame;
}

export async function ask(panel: AnyPanel, source: Source, range: TimeRange, width: number): Promise<DataFrame[]> {
  const { intervalMs } = rangeUtil.calculateInterval(range, Math.round(width), `${source.scrapeSeconds}s`);
  const step = intervalMs / 1000;
  const align = (at: ReturnType<typeof dateTime>) => String(Math.floor(at.unix() / step) * step);
  const answers = await Promise.all(
    panel.targets.map(async (target) => {
      const query = interpolate(target.expr, source, step, range);
      const data = await get<{ result: Series[] }>(source, 'query_range', {
        query,
        start: align(range.from),
        end: align(range.to),
        step: String(step),
      });
      return data.result.map((series) => frameOf(series, target.legendFormat, target.refId, step));
    }),
  );
  return answers.flat();
}
