// A report for a helper: whose it is cannot be read from it.
import { expect, test } from 'vitest'
import { anonymous } from '../../../../src/cli/terminal/anonymous.ts'
import { registerAccounts } from '../../../../src/redaction/register.ts'

test('no account, home folder or query is in any text of a report', () => {
  registerAccounts(['subject-0815', 'Ann Example'])
  const report = {
    text: 'The sign-in was for "ann@example.test", not subject-0815.',
    list: [{ 'ann@example.test': 'by Ann Example', file: '/home/ann/.local/share/x', number: 7, nothing: null }],
    line: '{"message":"see /home/ann and /home/annex, /home/ann/x","server":"https://mcp.example.test/?login_hint=ann"}',
  }
  expect(anonymous(report, '/home/ann')).toEqual({
    text: 'The sign-in was for "[account]", not [account].',
    list: [{ '[account]': 'by [account]', file: '~/.local/share/x', number: 7, nothing: null }],
    line: '{"message":"see ~ and /home/[user], ~/x","server":"https://mcp.example.test/?…"}',
  })
})

test.each(['C:\\Users\\ann\\x', 'C:/Users/ann/x', '{"file":"C:\\\\Users\\\\ann\\\\x"}'])(
  '%j loses a Windows home folder',
  (text) => {
    expect(anonymous(text, 'C:\\Users\\ann')).not.toContain('ann')
  },
)

test('a root as home folder removes nothing', () => {
  expect(anonymous('/etc/x', '/')).toBe('/etc/x')
})

test.each([
  ['ann', '/home/ann/x ~ann ssh ann@host /run/user/ann/bus', ['ann']],
  ['ann', 'of /data/ann and /srv/ann/y', ['ann']],
  ['jörg', '/home/j%C3%B6rg/x and "jörg"', ['jörg', 'j%C3%B6rg']],
  [
    'Jörg Müller',
    String.raw`C:\Users\Jörg Müller\AppData and {"file":"C:\\Users\\Jörg Müller\\x"}`,
    ['Jörg', 'Müller'],
  ],
  ['Jörg Müller', 'file:///C:/Users/J%C3%B6rg%20M%C3%BCller/x', ['J%C3', 'M%C3']],
  ['j.smith+x', '/opt/j.smith+x/y (j.smith+x)', ['smith']],
  ['o', '/srv/o/x of o', ['/o/']],
  [
    'ann.lee',
    '/srv/Ann.Lee/x, ANN.LEE, host-ann.lee, ann.lee_notes and backup_ann.lee',
    ['ann.lee', 'Ann.Lee', 'ANN.LEE'],
  ],
  ['J\u00f6rg', '/srv/Jo\u0308rg/x, /srv/j%c3%b6rg/x and Jo%CC%88rg', ['rg']],
  ['Jo\u0308rg', '/srv/J\u00f6rg/x and J%C3%B6rg', ['rg']],
  ['someone', '/mnt/c/Users/other/x, /c/Users/another and /cygdrive/d/Users/third/x', ['other', 'another', 'third']],
  ['someone', '/var/home/other/x, /usr/home/another and /export/home/third', ['other', 'another', 'third']],
  ['someone', '/System/Volumes/Data/Users/other/x and /Volumes/My Disk/Users/another/x', ['other', 'another']],
  ['someone', '/home/other/x and /Users/another', ['other', 'another']],
])('the login %s is in no path and no word of %j', (login, text, gone) => {
  const shown = anonymous(text, '/nowhere', login)
  for (const word of gone) expect(shown).not.toContain(word)
})

test.each(['root', 'node', 'test', 'mcp'])('the login %s, an ordinary word, is taken out of paths only', (login) => {
  expect(anonymous(`${login} runs /srv/${login}/x`, '/nowhere', login)).toBe(`${login} runs /srv/[user]/x`)
})

test('what only looks like a home stays', () => {
  const text = 'https://mcp.example.com/home/page and https://mcp.example.com/v1/users/all'
  expect(anonymous(text, '/nowhere', 'ann')).toBe(text)
})
