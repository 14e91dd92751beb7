// What a person sees, in a real Chromium: every page at desktop and phone width, in light and dark, held against axe-core; a consent given
// by keyboard alone; pages that refuse to be framed. One line of JSON at the end: the pages seen, and what is wrong.
//
// Argument: JSON { pages: { name: url of an authorization request or page }, app, web, apps, signOut, consent, chosen, provider, folder }; `folder`, if any, takes screenshots.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const asked = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 375, height: 740 } };
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const evil = 'https://evil.example';
const seen = [];
const wrong = [];

// Whatever hangs is over, loudly.
setTimeout(() => { console.error('the pages took too long', seen, wrong); process.exit(1); }, 900_000).unref();

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
});
try {
  let person = await visitor();
  for (const [name, url] of Object.entries(asked.pages)) await look(person, name, url);
  await look(person, 'apps-of-nobody', asked.apps);
  await look(person, 'signed-out-of-nobody', asked.signOut);

  person = await allowsByKeyboard(person, asked.pages['consent-loopback'], asked.app);
  await look(person, 'consent-known', asked.pages['consent-loopback']);
  person = await allowsByKeyboard(person, asked.pages['consent-web'], asked.web);
  person = await remembered(person);
  await elsewhere(person);
  await look(person, 'apps', asked.apps);
  await endsByKeyboard(person);
  await look(person, 'sign-out', asked.signOut);
  await signsOutByKeyboard(person);
} finally {
  await browser.close();
}
console.log(JSON.stringify({ seen, wrong }));

/** A browser of somebody's own. Another site's page is made up here; apps are not there at all, so a browser that is sent to one stays. */
async function visitor() {
  const context = await browser.newContext();
  context.setDefaultTimeout(60_000);
  await context.route(`${evil}/**`, (route) => route.fulfill({ contentType: 'text/html', body: hostile(route.request().url()) }));
  return newPage(context);
}

async function newPage(context) {
  const page = await context.newPage();
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text()) && !page.url().startsWith(evil)) wrong.push(`console at ${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`error at ${page.url()}: ${error.message}`));
  return page;
}

async function look(page, name, url) {
  await page.goto(url);
  await seenAs(page, name);
}

/** The page that lies open, in every size and colour. */
async function seenAs(page, name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      const where = `${name} (${size}, ${colorScheme})`;
      await page.evaluate(axe);
      const { violations } = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), rules);
      for (const { id, help, nodes } of violations) wrong.push(`${where}: ${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
      await fits(page, where);
      if (asked.folder) await page.screenshot({ path: `${asked.folder}/${name}-${size}-${colorScheme}.png`, fullPage: true });
      seen.push(where);
    }
  }
  await page.setViewportSize({ width: 320, height: 600 });
  await fits(page, `${name} (320 px)`);
  await page.setViewportSize(sizes.desktop);
  await page.emulateMedia({ colorScheme: 'light' });
}

async function fits(page, where) {
  const { wide, screen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth }));
  if (wide > screen) wrong.push(`${where}: ${wide} px wide on a screen of ${screen}`);
}

/** Tabs until a button with this text has the focus, as can be seen. */
async function tabTo(page, text) {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return { text: document.activeElement.textContent.trim(), button: document.activeElement.tagName === 'BUTTON', outlineStyle, width: parseFloat(outlineWidth) };
    });
    if (focus.outlineStyle === 'none' || focus.width < 2) wrong.push(`${page.url()}: the focus on "${focus.text}" cannot be seen`);
    if (focus.button && focus.text.startsWith(text)) return;
  }
  throw new Error(`no button "${text}" can be reached by Tab at ${page.url()}`);
}

async function press(page, text, next) {
  await tabTo(page, text);
  if (asked.folder) await page.screenshot({ path: `${asked.folder}/focus-${text.split(' ')[0]}.png`, fullPage: true });
  const [came] = await Promise.all([next(page), page.keyboard.press('Enter')]);
  return came;
}

/** A page of this site, whole. */
function loads(start) {
  return (page) => page.waitForURL((url) => url.href.startsWith(start));
}

/** An app, where nobody listens: the address that the browser was sent to. */
function answers(app) {
  return async (page) => (await page.waitForEvent('requestfailed', (request) => request.url().startsWith(app))).url();
}

/** The person says yes, chooses where to sign in and does so where nobody is known, and closes the tab that went to the app. Gives another. */
async function allowsByKeyboard(page, url, app) {
  await page.goto(url);
  const known = (await page.content()).includes('is signed in');
  if (!known) {
    await press(page, 'Allow', loads(asked.consent));
    await seenAs(page, 'chooser');
    await press(page, asked.chosen, loads(asked.provider));
  }
  return arrived(page, await press(page, known ? 'Allow' : 'Alice', answers(app)));
}

async function remembered(page) {
  const [answer] = await Promise.all([answers(asked.web)(page), page.goto(asked.pages['consent-web']).catch(() => undefined)]);
  return arrived(page, answer);
}

async function arrived(page, answer) {
  if (!new URL(answer).searchParams.get('code')) wrong.push(`no code: ${answer}`);
  const next = await newPage(page.context());
  await page.close();
  return next;
}

/** Another site frames our pages, and loads them as a part of its own: nobody sees them, and nobody is sent on. */
async function elsewhere(page) {
  for (const url of [asked.pages['consent-loopback'], asked.pages['consent-web'], asked.apps, asked.signOut]) {
    await page.goto(`${evil}/?${encodeURIComponent(url)}`);
    for (const frame of page.frames().slice(1)) {
      if ((await frame.content()).includes('<main>')) wrong.push(`framed: ${url}`);
    }
  }
}

function hostile(url) {
  const target = decodeURIComponent(new URL(url).search.slice(1)).replaceAll('&', '&amp;');
  return `<!doctype html><iframe src="${target}"></iframe><img src="${target}"><link rel="prefetch" href="${target}">`;
}

async function endsByKeyboard(page) {
  await page.goto(asked.apps);
  const before = await page.locator('button.danger').count();
  await press(page, 'End access', loads(`${asked.apps}?ended`));
  if (!(await page.locator('[role=status]').count())) wrong.push(`nothing says that it ended: ${await page.content()}`);
  if ((await page.locator('button.danger').count()) !== before - 1) wrong.push('the app is still there');
  await seenAs(page, 'apps-ended');
}

/** By way of the identity provider, and back. */
async function signsOutByKeyboard(page) {
  await page.goto(asked.signOut);
  await press(page, 'Sign out', loads(asked.signOut.replace('sign-out', 'signed-out')));
  if (!(await page.content()).includes('and of your organisation')) wrong.push(`nothing says where they are signed out: ${await page.content()}`);
  await seenAs(page, 'signed-out');
  await page.goto(asked.apps);
  if (await page.locator('button.danger').count()) wrong.push('they still see their apps');
}
