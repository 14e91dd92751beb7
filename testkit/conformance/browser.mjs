// A browser that follows redirects and keeps cookies, for an issuer where nobody needs to be asked.

// Waits for an address that begins so to be printed, and goes there, once.
export function following(begin) {
  let gone = false;
  return (said) => {
    const at = said.indexOf(begin);
    const address = at < 0 ? undefined : /^\S+(?=\s)/.exec(said.slice(at))?.[0];
    if (gone || !address) return;
    gone = true;
    visit(address).catch((error) => console.error(`the browser got no further: ${error}`));
  };
}

async function visit(address) {
  const jar = new Map();
  for (let hops = 0, next = address; next && hops < 20; hops += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(next, { redirect: 'manual', headers: cookie ? { cookie } : {} });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      jar.set(name, value);
    }
    const location = answer.headers.get('location');
    await answer.arrayBuffer();
    next = location && new URL(location, next).href;
  }
}
