// Checks the dashboard's JSON against model.ts, by TypeScript, and that it refuses planted faults.
// Call: node check.mjs DASHBOARD.json      in a directory that has node_modules; writes words.ts and checked/
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

globalThis.navigator ??= { language: 'en', languages: ['en'] }; // @grafana/data asks for it
const { createTheme, fieldReducers, getValueFormats } = createRequire(import.meta.url)('@grafana/data');

const union = (words) => words.map((word) => JSON.stringify(word)).join(' | ');
const units = getValueFormats().flatMap((category) => category.submenu.map((unit) => unit.value));
const colours = createTheme().visualization.hues.flatMap((hue) =>
  hue.shades.flatMap((shade) => [shade.name, ...(shade.aliases ?? [])]),
);
const calcs = fieldReducers.list().map((reducer) => reducer.id);
writeFileSync(
  'words.ts',
  `export type Unit = ${union(units)};
export type Colour = ${union(colours)} | 'text' | 'transparent' | \`#\${string}\`;
export type Calc = ${union(calcs)};
`,
);

const text = readFileSync(process.argv[2], 'utf8');
const panel = (dashboard, type) => dashboard.panels.find((one) => one.type === type);
const faults = {
  'a key that is misspelt': (d) => {
    d.refersh = d.refresh;
  },
  'a variable of an unknown type': (d) => {
    d.templating.list[0].type = 'datasuorce';
  },
  'a panel of an unknown type': (d) => {
    d.panels[0].type = 'stats';
  },
  'a panel without a title': (d) => {
    delete d.panels[0].title;
  },
  'a panel without a place': (d) => {
    delete d.panels[0].gridPos;
  },
  'a height that is a text': (d) => {
    d.panels[0].gridPos.h = '4';
  },
  'a unit that is misspelt': (d) => {
    d.panels[0].fieldConfig.defaults.unit = 'req/s';
  },
  'a bound that is a text': (d) => {
    d.panels[0].fieldConfig.defaults.min = '0';
  },
  'a colour that there is not': (d) => {
    panel(d, 'stat').fieldConfig.defaults.thresholds = { mode: 'absolute', steps: [{ color: 'grene', value: null }] };
  },
  'thresholds of an unknown mode': (d) => {
    panel(d, 'stat').fieldConfig.defaults.thresholds = { mode: 'abs', steps: [] };
  },
  'an option of another type of panel': (d) => {
    panel(d, 'stat').options.legend = { placement: 'right' };
  },
  'a legend in an unknown place': (d) => {
    panel(d, 'timeseries').options.legend.placement = 'left';
  },
  'a calculation that there is not': (d) => {
    panel(d, 'timeseries').options.legend.calcs = ['lastNonNull'];
  },
  'a custom field that there is not': (d) => {
    panel(d, 'timeseries').fieldConfig.defaults.custom = { fillOpactiy: 30 };
  },
  'stacking of an unknown mode': (d) => {
    panel(d, 'timeseries').fieldConfig.defaults.custom = { stacking: { mode: 'yes' } };
  },
  'an override of what there is not': (d) => {
    panel(d, 'timeseries').fieldConfig.overrides = [
      { matcher: { id: 'byName', options: 'x' }, properties: [{ id: 'units', value: 'pps' }] },
    ];
  },
  'a query whose legend is misspelt': (d) => {
    const q = d.panels[0].targets[0];
    q.legendFromat = q.legendFormat;
  },
  'a query without an expression': (d) => {
    delete d.panels[0].targets[0].expr;
  },
};

rmSync('checked', { recursive: true, force: true });
mkdirSync('checked');
const write = (name, json) =>
  writeFileSync(
    `checked/${name}.ts`,
    `import type { Model } from '../model';\nexport const dashboard: Model = ${json};\n`,
  );
write('dashboard', text);
Object.values(faults).forEach((plant, i) => {
  const spoilt = JSON.parse(text);
  plant(spoilt);
  write(`fault-${i}`, JSON.stringify(spoilt, null, 2));
});

let said = '';
try {
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json', '--pretty', 'false'], { encoding: 'utf8' });
} catch (error) {
  said = error.stdout;
}
const errors = (file) => said.split('\n').filter((line) => line.startsWith(`checked/${file}.ts(`));
const elsewhere = said.split('\n').filter((line) => /^[^ ]/.test(line) && !line.startsWith('checked/'));
const wrong = [...elsewhere, ...errors('dashboard')];
const missed = Object.keys(faults).filter((_, i) => errors(`fault-${i}`).length === 0);
wrong.forEach((line) => console.log(line));
missed.forEach((name) => console.log(`NOT REFUSED: ${name}`));
console.log(
  `types: ${wrong.length} errors; ${Object.keys(faults).length - missed.length} of ${Object.keys(faults).length} planted faults refused`,
);
process.exit(wrong.length || missed.length ? 1 : 0);
