// --account: exactly the account that a person named, and nobody who calls themselves so.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkAccount, isAccount } from '../../../../src/auth/grants/account.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const user = (subject: string, claims: Record<string, unknown> = {}) => ({
  issuer: 'https://as.example',
  subject,
  claims,
})

describe('--account compares subjects exactly', () => {
  test.each([
    ['Ada', user('Ada')],
    ['ann@example.com', user('1', { email: 'ann@example.com' })],
    ['Ann@Example.COM', user('1', { email: 'aNN@example.com' })],
    ['ann@example.com', user('1', { email: 'ann@example.com', email_verified: true })],
    ['jürgen@example.com', user('1', { email: 'jürgen@EXAMPLE.com' })],
  ])('%s is that account', (wanted, who) => {
    expect(isAccount(wanted, who)).toBe(true)
  })

  test.each([
    ['another case of the subject', 'ada', user('Ada')],
    ['a subject that looks like the e-mail in another case', 'Ann@example.com', user('ann@example.com')],
    ['blanks around it', ' Ada', user('Ada')],
    ['a name', 'ann@example.com', user('1', { name: 'ann@example.com', preferred_username: 'ann@example.com' })],
    ['an unverified e-mail', 'ann@example.com', user('1', { email: 'ann@example.com', email_verified: false })],
    [
      'an e-mail called unverified in text',
      'ann@example.com',
      user('1', { email: 'ann@example.com', email_verified: 'false' }),
    ],
    ['an e-mail without @', 'ann', user('1', { email: 'ann' })],
    ['a list of e-mails', 'ann@example.com', user('1', { email: ['ann@example.com'] })],
    ['the Kelvin sign for k', 'kim@example.com', user('1', { email: '\u212aim@example.com' })],
    ['the dotted İ for i', 'i\u0307da@example.com', user('1', { email: '\u0130da@example.com' })],
    ['the long s', 'sam@example.com', user('1', { email: '\u017fam@example.com' })],
    ['full-width letters', 'ann@example.com', user('1', { email: '\uff41nn@example.com' })],
    ['a composed letter for two', 'e\u0301va@example.com', user('1', { email: '\u00e9va@example.com' })],
    ['something invisible', 'ann@example.com', user('1', { email: 'ann\u200b@example.com' })],
    ['nothing at all', '', user('1', { email: '' })],
    ['nobody', 'ann@example.com', undefined],
  ])('%s is not that account', (_, wanted, who) => {
    expect(isAccount(wanted, who)).toBe(false)
  })

  test('letters are compared exactly, except for the case of A to Z', () => {
    const fold = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        const [mine, theirs] = [`${one}@x`, `${other}@x`]
        expect(isAccount(mine, user('1', { email: theirs }))).toBe(fold(mine) === fold(theirs))
      }),
    )
  })

  test('the refusal names who signed in, and what to do if the e-mail is not verified', async () => {
    const refused = (claims: Record<string, unknown>) =>
      errorOf(() => checkAccount('ann@example.com', { user: user('77', claims) }))
    expect((await refused({ email: 'bob@example.com' })).message).toContain('"77" / "bob@example.com"')
    const unverified = await refused({ email: 'ann@example.com', email_verified: false })
    expect(unverified).toMatchObject({ code: 'account_mismatch', hint: expect.stringContaining('--account "77"') })
  })
})
