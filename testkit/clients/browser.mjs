// A browser as small as a test needs: a cookie jar, redirects, and forms. It sends what a person's browser would, Origin included.

export class Browser {
  /** @param answers what a person would type: values by field name, such as { login: 'alice', password: 'x', decision: 'approve' } */
  constructor(answers = {}) {
    this.answers = answers;
    this.cookies = []; // { host, path, name, value }
    this.seen = []; // "GET url → status", for the reader of a failure
  }

  /** Opens `url` and goes on, by redirects and forms, until a redirect leads to `stopAt`; gives that address. */
  async open(url, stopAt) {
    let request = { url: new URL(url), method: 'GET' };
    for (let step = 0; step < 30; step++) {
      const response = await this.#send(request);
      const location = response.headers.get('location');
      if (location) {
        const next = new URL(location, request.url);
        if (next.href.startsWith(stopAt)) return next;
        request = { url: next, method: 'GET' };
        continue;
      }
      const page = await response.text();
      const form = firstForm(page);
      if (!form) throw new Error(`neither a redirect nor a form at ${request.url}: ${response.status}\n${page}\n${this.seen.join('\n')}`);
      request = this.#filled(form, request.url);
    }
    throw new Error(`too many steps:\n${this.seen.join('\n')}`);
  }

  async #send({ url, method, body, origin }) {
    const headers = { cookie: this.#cookiesFor(url), accept: 'text/html' };
    if (body !== undefined) Object.assign(headers, { 'content-type': 'application/x-www-form-urlencoded', origin });
    const response = await fetch(url, { method, body, headers, redirect: 'manual' });
    this.seen.push(`${method} ${url.origin}${url.pathname} → ${response.status}`);
    for (const line of response.headers.getSetCookie()) this.#keep(url, line);
    return response;
  }

  #filled(form, page) {
    const values = new URLSearchParams();
    for (const { name, value, type } of form.fields) values.set(name, type === 'hidden' ? value : (this.answers[name] ?? value));
    for (const { name, value } of form.buttons) if (this.answers[name] === value) values.set(name, value);
    return { url: new URL(form.action, page), method: 'POST', body: values.toString(), origin: page.origin };
  }

  #cookiesFor(url) {
    const fits = (cookie) => cookie.host === url.hostname && url.pathname.startsWith(cookie.path);
    return this.cookies.filter(fits).map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  #keep(url, line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const attribute = (wanted) => attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const path = attribute('path') ?? '/';
    const gone = attribute('max-age') === '0' || (attribute('expires') && new Date(attribute('expires')) < new Date());
    this.cookies = this.cookies.filter((kept) => !(kept.host === url.hostname && kept.path === path && kept.name === name));
    if (!gone) this.cookies.push({ host: url.hostname, path, name, value });
  }
}

function firstForm(page) {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(page);
  if (!form) return undefined;
  const tags = (name) => [...form[2].matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'gi'))].map(([, text]) => attributes(text));
  const named = (tag) => tag.name !== undefined;
  const fields = tags('input').filter(named).map((tag) => ({ name: tag.name, value: tag.value ?? '', type: tag.type ?? 'text' }));
  return { action: attributes(form[1]).action ?? '', fields, buttons: tags('button').filter(named) };
}

function attributes(text) {
  const pairs = [...text.matchAll(/([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/gi)];
  return Object.fromEntries(pairs.map(([, name, double, single]) => [name.toLowerCase(), plain(double ?? single)]));
}

function plain(text) {
  const names = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  const decode = (_, name) => (name[0] === '#' ? String.fromCodePoint(name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1))) : names[name]);
  return text.replace(/&(#x[0-9a-f]+|#\d+|amp|lt|gt|quot|apos);/gi, decode);
}
