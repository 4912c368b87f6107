// Bundles the page, draws the dashboard in a headless chromium, and takes its picture. Prints what each panel says.
// Call: node take.mjs DASHBOARD.json URL-OF-PROMETHEUS SCRAPE-SECONDS SECONDS UNTIL OUT.png    (CHROMIUM: the program)
// Status 1: a panel has no data, or the page said an error.
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [file, url, scrape, seconds, until, out] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: ['page.tsx'],
  bundle: true,
  write: false,
  format: 'iife',
  jsx: 'automatic',
  minify: true,
  logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'window' },
  loader: { '.svg': 'dataurl', '.ttf': 'empty' },
  outdir: '.',
});
const script = outputFiles.find((one) => one.path.endsWith('.js')).text;
const style = outputFiles.find((one) => one.path.endsWith('.css'))?.text ?? '';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
const page = await browser.newPage({ viewport: { width: 1600, height: 1200 } });
const errors = [];
page.on('pageerror', (error) => errors.push(error.stack));
page.on('response', (response) => {
  if (!response.ok()) errors.push(`${response.status()} ${response.url()}`);
});
page.on('console', (message) => {
  if (message.type() === 'error') errors.push(message.text());
});
// As if from Prometheus, which it may then ask.
await page.route(`${url}/page`, (route) =>
  route.fulfill({
    contentType: 'text/html',
    body: `<style>${style} body{background:#111217} .empty{text-align:center;padding:20px}</style><div id="root"></div>`,
  }),
);
// Grafana's typeface is in its server; Debian has the same.
await page.route('**/public/fonts/inter/*.woff2', (route) =>
  route.fulfill({
    path: route
      .request()
      .url()
      .replace(/.*\/(.*)\.woff2/, '/usr/share/fonts/opentype/inter/$1.otf'),
  }),
);
await page.route('**/public/build/img/icons/**', (route) =>
  route.fulfill({
    path: route
      .request()
      .url()
      .replace(/.*\/public\/build\//, 'node_modules/@grafana/ui/dist/public/')
      .replace(/\?.*/, ''),
  }),
);
await page.goto(`${url}/page`);
await page.addScriptTag({ content: script });
const size = await page
  .evaluate(
    ([dashboard, ...rest]) => window.draw(dashboard, ...rest),
    [JSON.parse(readFileSync(file, 'utf8')), url, Number(scrape), Number(seconds), Number(until), 1568],
  )
  .catch((error) => errors.push(error.message));
if (errors.length) {
  console.log(errors.join('\n'));
  process.exit(1);
}
await page.setViewportSize(size);
await page.waitForTimeout(2000);
writeFileSync(out, await page.screenshot());
const panels = await page.$$eval('section[data-title]', (all) =>
  all.map((one) => [one.dataset.title, one.textContent.replace(/\s+/g, ' ').trim()]),
);
console.log(`chromium ${browser.version()}`);
await browser.close();
const empty = panels.filter(([title, text]) => text === title || text.includes('No data')).map(([title]) => title);
panels.forEach(([title, text]) => console.log(`${title}: ${text.slice(title.length).trim()}`));
errors.forEach((error) => console.log(`ERROR ${error}`));
empty.forEach((title) => console.log(`EMPTY ${title}`));
process.exit(errors.length || empty.length ? 1 : 0);
