// The whole dashboard on one page, by gridPos, without Grafana's own bars. take.mjs calls draw().
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import {
  applyFieldOverrides,
  createTheme,
  dateTime,
  ThemeContext,
  type DataFrame,
  type TimeRange,
} from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import type { AnyPanel, Model } from './model';
import { ask, readInstances, type Source } from './prometheus';
import { fieldConfigOf, registryOf } from './defaults';
import { Graph, Stat } from './panels';

const CELL = 30; // Grafana's grid: cells of 30 pixels, 8 between them, 24 columns
const GAP = 8;
const theme = createTheme({ colors: { mode: 'dark' } });

function place(panel: AnyPanel, width: number) {
  const column = (width - 23 * GAP) / 24;
  const { x, y, w, h } = panel.gridPos;
  return {
    left: x * (column + GAP),
    top: y * (CELL + GAP),
    width: w * column + (w - 1) * GAP,
    height: h * CELL + (h - 1) * GAP,
  };
}

function Panel({
  panel,
  frames,
  range,
  width,
}: {
  panel: AnyPanel;
  frames: DataFrame[];
  range: TimeRange;
  width: number;
}) {
  const config = fieldConfigOf(panel);
  const [data] = useState(() =>
    applyFieldOverrides({
      data: frames,
      fieldConfig: config,
      fieldConfigRegistry: registryOf(config),
      replaceVariables: (text) => text,
      theme,
      timeZone: 'utc',
    }),
  );
  const at = place(panel, width);
  return (
    <section style={{ position: 'absolute', ...at }} data-title={panel.title}>
      <PanelChrome title={panel.title} description={panel.description} width={at.width} height={at.height}>
        {(innerWidth, innerHeight) => {
          const shown = { frames: data, config, theme, range, width: innerWidth, height: innerHeight };
          return panel.type === 'stat' ? <Stat panel={panel} {...shown} /> : <Graph panel={panel} {...shown} />;
        }}
      </PanelChrome>
    </section>
  );
}

async function draw(
  dashboard: Model,
  url: string,
  scrapeSeconds: number,
  seconds: number,
  until: number,
  width: number,
) {
  const to = dateTime(until * 1000);
  const from = dateTime(to.valueOf() - seconds * 1000);
  const range: TimeRange = { from, to, raw: { from, to } };
  const source: Source = { url, scrapeSeconds, instances: await readInstances({ url, scrapeSeconds }, range) };
  const data = await Promise.all(dashboard.panels.map((panel) => ask(panel, source, range, place(panel, width).width)));
  const height = Math.max(...dashboard.panels.map((panel) => place(panel, width).top + place(panel, width).height));
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ position: 'relative', width, height, margin: GAP * 2 }}>
        {dashboard.panels.map((panel, i) => (
          <Panel key={panel.id} panel={panel} frames={data[i]!} range={range} width={width} />
        ))}
      </div>
    </ThemeContext.Provider>,
  );
  return { width: width + 4 * GAP, height: Math.ceil(height) + 4 * GAP };
}

Object.assign(window, { draw });
