// Secrets in whatever form a server repeats them, and servers that try to blind or empty what is remembered.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../../src/errors.ts'
import {
  keepReadable,
  registerAccounts,
  registerRotatingSecret,
  registerSecret,
} from '../../../src/redaction/register.ts'
import { quote, withoutAccounts, withoutSecrets } from '../../../src/redaction/text.ts'
import { redactedSeal } from '../../../src/store/sealing/redactedSeal.ts'

const SECRET = 'needle+Key/Of-A_Registered.client=='

describe('a secret of a registered client', () => {
  registerSecret([SECRET], 'client')
  const bytes = Buffer.from(SECRET)
  test.each([
    ['as it is', SECRET],
    ['in a URL', encodeURIComponent(SECRET)],
    ['in a URL in small letters', encodeURIComponent(SECRET).toLowerCase()],
    ['in base64', bytes.toString('base64')],
    ['in base64url', bytes.toString('base64url')],
    ['in hex', bytes.toString('hex')],
    ['in HEX', bytes.toString('hex').toUpperCase()],
    ['in other case', SECRET.toUpperCase()],
    ['over two lines', `${SECRET.slice(0, 9)}\n  ${SECRET.slice(9)}`],
    ['with every letter on a line of its own', [...SECRET].join('\r\n')],
    ['over two lines of JSON', `${SECRET.slice(0, 9)}\\n${SECRET.slice(9)}`],
    ['with invisible letters in it', [...SECRET].join('\u200b')],
    ['twice', `${SECRET} ${SECRET}`],
    ['beside itself', `${SECRET}${SECRET}`],
  ])('%s is removed', (_how, text) => {
    const left = withoutSecrets(`before ${text} after`).replace(/\s|\\n/g, '')
    expect(left.replaceAll('[hidden]', '')).toMatch(/^before.{0,2}after$/)
    expect(quote(`before ${text} after`)).not.toMatch(/needle|Registered/i)
  })

  const json = (text: string) => JSON.stringify(text).slice(1, -1)
  const entities = SECRET.replace(/\W/g, (mark) => `&#x${mark.charCodeAt(0).toString(16)};`)
  test.each([
    ['PHP', json(SECRET).replaceAll('/', '\\/')],
    ['.NET', json(SECRET).replaceAll('+', '\\u002B')],
    ['a program that escapes for HTML', json(SECRET).replaceAll('=', '\\u003d')],
    ['JSON of PHP in JSON of PHP', json(json(SECRET).replaceAll('/', '\\/')).replaceAll('/', '\\/')],
    ['a form that also encodes the rest', encodeURIComponent(SECRET).replaceAll('.', '%2e').replaceAll('_', '%5F')],
    ['a URL in a URL', encodeURIComponent(encodeURIComponent(SECRET))],
    ['a URL that encodes everything', SECRET.replace(/./g, (mark) => `%${mark.charCodeAt(0).toString(16)}`)],
    ['HTML', entities],
    ['HTML with decimal numbers', SECRET.replace(/\W/g, (mark) => `&#0${mark.charCodeAt(0)};`)],
    ['HTML in JSON', entities.replaceAll('&', '\\u0026')],
    ['a shell', SECRET.replace(/\W/g, '\\$&')],
    ['base64 in a form', encodeURIComponent(bytes.toString('base64'))],
  ])('as %s writes it is removed, and nothing beside it', (_how, written) => {
    expect(withoutSecrets(`{"a\\/b%2Fc":"&amp; ${written} d\\u0026e"}`)).toBe(
      '{"a\\/b%2Fc":"&amp; [hidden] d\\u0026e"}',
    )
  })

  test('is removed wherever it is, with line breaks at any place', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(SECRET.length), fc.string(), (before, at, after) => {
        const text = `${before}${SECRET.slice(0, at)}\n${SECRET.slice(at)}${after}`
        expect(withoutSecrets(text).replace(/\s/g, '')).not.toContain(SECRET)
      }),
    )
  })

  test('that is opened from the database, or about to be sealed, is known', () => {
    const seal = redactedSeal({
      keyId: '',
      seal: (text) => text,
      open: (text) => text,
      mark: () => '',
      isMark: () => true,
    })
    seal.open('opened-client-secret-1', ['clients', 'i', 'r'])
    seal.seal(JSON.stringify({ codeVerifier: 'sealed-verifier-1', issuer: 'https://as.example' }), ['sessions', '1'])
    seal.open(JSON.stringify({ kty: 'EC', d: 'private-part-1234' }), ['tokens', 's', 'p'])
    const text = 'opened-client-secret-1 sealed-verifier-1 private-part-1234 https://as.example'
    expect(withoutSecrets(text)).toBe('[hidden] [hidden] [hidden] https://as.example')
  })
})

describe('a secret with marks of its own', () => {
  const MARKED = [
    'Sommer!Haus(2026)*Garten~ä',
    'DOMAIN\\new "quoted" 50%25 &amp;',
    'ends-with-a-backslash\\',
    'two words & more',
  ]
  registerSecret(MARKED)
  const spellings: readonly ((text: string) => string)[] = [
    (text) => text,
    (text) => JSON.stringify(text),
    (text) => JSON.stringify(JSON.stringify(text)),
    (text) => encodeURIComponent(text),
    (text) => new URLSearchParams({ text }).toString(),
    (text) => JSON.stringify(text).replaceAll('&', '\\u0026').replaceAll('/', '\\/'),
    (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('!', '&#33;'),
  ]

  test.each(MARKED)('is removed in every spelling: %s', (secret) => {
    for (const spell of spellings) {
      const left = withoutSecrets(spell(`before ${secret} after`))
      expect(left).toContain('[hidden]')
      expect(left).not.toMatch(/Sommer|Garten|DOMAIN|quoted|backslash|two.words/)
      expect(left).toMatch(/before.*after/)
    }
  })

  test('and several lines is removed where the lines are joined', () => {
    registerSecret(['-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END KEY-----'])
    expect(withoutSecrets('a -----BEGIN KEY----- MIGHAgEAMBMGByqGSM49 -----END KEY----- b')).toBe('a [hidden] b')
  })

  test('leaves texts with escapes alone in which it does not occur', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('%', '2', 'F', '\\', 'u', '0', '/', '&', 'amp;', '#', '9', ';', '"', 'é')),
        (parts) => {
          const text = parts.join('')
          expect(withoutSecrets(text)).toBe(text)
        },
      ),
    )
  })
})

describe('a server', () => {
  const OUR_TEXTS = Object.values(ERRORS).flatMap(({ message, hint }) => [message, hint])

  test('that uses words of ours as a cookie, session id or token makes no text unreadable', () => {
    const words = OUR_TEXTS.flatMap((text) => [text, ...text.split(' '), text.slice(3, 19)])
    for (const word of [...words, 'error', ' ', '', 'e', 'authorization', 'Certificate', 'https://']) {
      registerRotatingSecret(word)
      registerRotatingSecret(word, 'session')
      registerSecret([word], 'token')
      registerAccounts([word])
    }
    for (const text of OUR_TEXTS) {
      expect(withoutSecrets(text)).toBe(text)
      expect(withoutAccounts(text)).toBe(text)
    }
  })

  test('that uses its own address as a cookie stays readable', () => {
    keepReadable(['https://mcp7.example.test:8443/mcp'])
    for (const part of ['https://mcp7.example.test:8443/mcp', 'mcp7.example.test', '.example.test:8443'])
      registerRotatingSecret(part)
    expect(withoutSecrets('https://mcp7.example.test:8443/mcp')).toBe('https://mcp7.example.test:8443/mcp')
  })

  test('that uses a sentence without its spaces as a cookie makes no sentence unreadable', () => {
    registerRotatingSecret('thelistenercannotbestarted1')
    expect(withoutSecrets('the listener cannot be started 1')).toBe('the listener cannot be started 1')
  })

  test('that uses an escaped sentence of ours as a token makes no sentence unreadable', () => {
    for (const text of OUR_TEXTS) registerSecret([encodeURIComponent(text), JSON.stringify(text)], 'token')
    for (const text of OUR_TEXTS) expect(withoutSecrets(text)).toBe(text)
  })

  test('that sets ten thousand cookies and sessions displaces no token', () => {
    registerSecret(['access-token-0123456789'], 'token')
    for (let at = 0; at < 10_000; at++) {
      registerRotatingSecret(`cookie-${at}-value`)
      registerRotatingSecret(`session-${at}-value`, 'session')
    }
    expect(withoutSecrets('access-token-0123456789 cookie-9999-value session-9999-value')).toBe(
      '[hidden] [hidden] [hidden]',
    )
    expect(withoutSecrets('cookie-0-value session-0-value')).toBe('cookie-0-value session-0-value')
  })

  test('with one secret that begins with another hides both completely', () => {
    registerSecret(['prefix-of-a-secret', 'prefix-of-a-secret-and-more-of-it'], 'token')
    expect(withoutSecrets('x prefix-of-a-secret-and-more-of-it')).toBe('x [hidden]')
  })
})

describe('an account', () => {
  test('is in no log: e-mail addresses of anybody, and the names of known accounts', () => {
    registerAccounts(['00u1abcd-subject', 'Ann Example', 7, undefined])
    expect(withoutAccounts('for "ann@example.test", not bob.b+x@mail.example or 00u1abcd-subject (Ann Example)')).toBe(
      'for "[account]", not [account] or [account] ([account])',
    )
  })

  test('is in no log in the spelling of a URL, JSON or HTML', () => {
    registerAccounts(['Ann Example'])
    expect(withoutAccounts('ann%40example.test bob\\u0040example.test eve&#64;example.test Ann%20Example')).toBe(
      '[account] [account] [account] [account]',
    )
  })

  test('that is part of a longer word is not removed', () => {
    registerAccounts(['abc1'])
    expect(withoutAccounts('abc1 abc1d xabc1')).toBe('[account] abc1d xabc1')
  })
})

describe('when there are many secrets', () => {
  const token = (number: number) => `rotating-secret-${String(number).padStart(6, '0')}`

  test('registered secrets are forgotten when they are old, however many there were', () => {
    for (let number = 0; number < 10_000; number++) registerSecret([token(number)], 'token')
    expect(quote(`said ${token(9_999)} and ${token(9_990)}`)).not.toContain('rotating')
    expect(quote(`said ${token(1)}`)).toContain(token(1))
  })

  test('many secrets of one kind displace none of another', () => {
    registerSecret(['the-access-token-that-counts'], 'token')
    for (let number = 0; number < 1_000; number++) registerSecret([token(number), undefined, 'short'], 'flow')
    expect(quote('said the-access-token-that-counts')).not.toContain('counts')
  })

  test('a secret that is registered again counts as new', () => {
    registerSecret(['used-over-and-over'], 'session')
    for (let number = 0; number < 19; number++) registerSecret([token(number)], 'session')
    registerSecret(['used-over-and-over'], 'session')
    for (let number = 19; number < 38; number++) registerSecret([token(number)], 'session')
    expect(quote('said used-over-and-over')).not.toContain('over-and')
  })
})
