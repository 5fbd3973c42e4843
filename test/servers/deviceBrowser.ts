// A person with a browser on another machine: opens the address of a device sign-in and types the code into oidc-provider's forms.

/** Resolves when the last page was shown. */
export async function typeDeviceCode(address: string, code: string) {
  const browser = createBrowser()
  const form = await browser.visit(address)
  const confirm = await browser.submit(form, { user_code: code })
  await browser.submit(confirm, {})
}

/** One origin, cookies, and redirects followed as a browser does. */
function createBrowser() {
  const jar: Map<string, string> = new Map()

  const visit = async (
    start: string | URL,
    body: URLSearchParams | undefined = undefined,
  ): Promise<{ url: URL; html: string }> => {
    let url = new URL(start)
    let sent = body
    for (let hop = 0; hop < 20; hop++) {
      const response = await fetch(url, {
        method: sent ? 'POST' : 'GET',
        redirect: 'manual',
        headers: { accept: 'text/html', cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...(sent ? { body: sent } : {}),
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (name !== undefined) jar.set(name, value ?? '')
      }
      const html = await response.text()
      const location = response.headers.get('location')
      if (!location) return { url, html }
      url = new URL(location, url)
      sent = undefined
    }
    throw new Error('too many redirects')
  }

  return {
    visit,
    /** Sends the page's form with its hidden fields and `typed`. */
    submit({ url, html }: { url: URL; html: string }, typed: Record<string, string>) {
      const action = /<form[^>]*action="([^"]+)"/.exec(html)?.[1]
      if (action === undefined) throw new Error(`no form on ${url}: ${html}`)
      const hidden = [...html.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => [
        /name="([^"]*)"/.exec(input)?.[1] ?? '',
        /value="([^"]*)"/.exec(input)?.[1] ?? '',
      ])
      return visit(new URL(action, url), new URLSearchParams({ ...Object.fromEntries(hidden), ...typed }))
    },
  }
}
