// The page at `/` in headless Chromium. Arguments: Chromium, the directory of the npm packages, the address.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [executablePath, packages, base] = process.argv.slice(2);
const { chromium } = createRequire(join(packages, 'package.json'))('playwright-core');

const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
// Each run has a profile of its own, which goes with it.
const browser = await chromium.launch({ executablePath, args, timeout: 60_000 });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const asked = [];
  const complaints = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const answer = await page.goto(base, { waitUntil: 'load' });
  assert.equal(answer.status(), 200);
  assert.equal(await page.title(), 'MCP Crypto API Server');
  assert.match(answer.headers()['content-security-policy'], /^default-src 'none';/);

  // Every tool has a row with its name and a link to its route, and each link answers.
  const { paths } = await (await fetch(`${base}/openapi.json`)).json();
  const rows = await page.$$eval('tr', (rows) => rows.map((row) =>
    [row.querySelector('code')?.textContent, row.querySelector('a')?.href]).filter(([name]) => name));
  const tools = Object.entries(paths).map(([path, { get }]) => [get.operationId, `${base}${path}`]);
  assert(tools.length >= 29);
  assert.deepEqual(rows.map(([name, link]) => [name, link.split('?')[0]]).sort(), tools.sort());
  for (const [name, link] of rows) {
    assert.equal((await fetch(link)).status, 200, `${name}: ${link}`);
  }

  // The chart is drawn, not a broken picture.
  const chart = page.locator('img');
  const drawn = await chart.evaluate((image) => [image.complete, image.naturalWidth, image.getBoundingClientRect().width]);
  assert.deepEqual(drawn, [true, 1000, 1000]);

  // On a telephone the page is as wide as the screen, and so is the chart, a smaller one with all of its title and its
  // newest candles.
  await page.setViewportSize({ width: 375, height: 800 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 375);
  await page.waitForFunction(() => document.querySelector('img').naturalWidth === 480);
  const edges = await chart.evaluate((image) => image.getBoundingClientRect()).then(({ left, right }) => [left >= 0, right <= 375]);
  assert.deepEqual(edges, [true, true]);

  // Colours follow the system's.
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await back();
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.notEqual(await back(), light);

  // Each client has a text to copy, and no link depends on where a proxy puts the page.
  assert((await page.$$eval('pre', (texts) => texts.map((text) => text.textContent))).every((text) => text.includes('/mcp')));
  const rooted = await page.$$eval('a,img,source', (all) => all.map((one) =>
    one.getAttribute('href') ?? one.getAttribute('src') ?? one.getAttribute('srcset')).filter((link) => link.startsWith('/')));
  assert.deepEqual(rooted, []);

  // The browser found nothing against the page's policy, and asked nobody else.
  assert.deepEqual(complaints, []);
  assert.deepEqual(asked.filter((url) => !url.startsWith(`${base}/`)), []);

  // A link works when it is followed.
  await page.getByRole('link', { name: '/binance/spot/price?symbol=BTC' }).click();
  await page.waitForURL(`${base}/binance/spot/price?symbol=BTC`);
  assert((await page.textContent('body')).includes('92731.52'));

  console.log(rows.length, 'links,', asked.length, 'requests');
} finally {
  await browser.close();
}
