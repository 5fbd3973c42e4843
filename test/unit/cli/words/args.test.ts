// Command lines: commands, options, and errors with the nearest word.
import { describe, expect, test } from 'vitest'
import { COMMANDS, parseCommandLine } from '../../../../src/cli/words/args.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const parse = (line: string) => parseCommandLine(line.split(' ').filter((word) => word !== ''))

describe('a command line', () => {
  test('with a URL alone bridges', () => {
    expect(parse('https://mcp.example/mcp')).toMatchObject({
      command: 'run',
      explicit: false,
      server: 'https://mcp.example/mcp',
      flags: { headers: [], authorizeParameters: [], allowHttp: false, openBrowser: true },
    })
  })

  test('without arguments bridges to the only server', () => {
    expect(parse('')).toMatchObject({ command: 'run', explicit: false, server: undefined })
  })

  test.each(COMMANDS.filter((one) => one !== 'reset' && one !== 'serve'))(
    'with the command %s is that command',
    (command) => {
      expect(parse(`${command} work`)).toMatchObject({ command, explicit: true, server: 'work', words: ['work'] })
    },
  )

  test.each([
    ['', 'serve'],
    ['--debug --verbose', 'serve'],
    ['--config ./config.yaml', 'serve'],
    ['migrate up', 'migrate'],
    ['check-config config.yaml', 'check-config'],
    ['run https://mcp.example/mcp', 'run'],
  ])('by its second name, the program with the words %j does %s', (words, command) => {
    expect(parse(`--gateway ${words}`.trim())).toMatchObject({ command, standard: 'serve' })
  })

  test('by its second name, a word that is no command is one that was misspelled', () => {
    expect(() => parse('--gateway migrat up')).toThrow('"migrat" is not a command; did you mean "migrate"?')
  })

  test('accepts two words for install and uninstall, and none for reset', () => {
    expect(parse('install cursor work').words).toEqual(['cursor', 'work'])
    expect(parse('uninstall cursor work').words).toEqual(['cursor', 'work'])
    expect(parse('reset')).toMatchObject({ command: 'reset', words: [] })
    expect(parse('serve')).toMatchObject({ command: 'serve', words: [] })
  })

  test('keeps its options in the order they were typed, to hand them on', () => {
    expect(parse('install cursor work --login=never --header A:1 --no-browser --header B:2').options).toEqual([
      { name: 'login', value: 'never' },
      { name: 'header', value: 'A:1' },
      { name: 'no-browser', value: undefined },
      { name: 'header', value: 'B:2' },
    ])
  })

  test('may have its options anywhere', () => {
    for (const line of [
      'login work --force --profile p',
      '--force --profile p login work',
      'login --profile=p --force work',
    ])
      expect(parse(line)).toMatchObject({ command: 'login', server: 'work', flags: { profile: 'p' } })
  })

  test('may name headers and parameters several times, in order', () => {
    const { flags } = parseCommandLine(['https://x/', '--header', 'A: 1', '--header=B:2', '--authorize-param', 'a=b'])
    expect([flags.headers, flags.authorizeParameters]).toEqual([['A: 1', 'B:2'], ['a=b']])
  })

  test('keeps every value as it was typed', () => {
    const line =
      'login s --config c --profile p --callback-url u --header-file h --client-id i --client-secret-file f --scope s --resource r --log-level l --allow-http --no-browser'
    expect(parse(line).flags).toEqual({
      config: 'c',
      profile: 'p',
      callbackUrl: 'u',
      headerFile: 'h',
      clientId: 'i',
      clientSecretFile: 'f',
      scope: 's',
      resource: 'r',
      logLevel: 'l',
      headers: [],
      authorizeParameters: [],
      allowHttp: true,
      openBrowser: false,
    })
  })

  test('reports which switches are on', () => {
    const line = parse('status --json --debug')
    expect([line.has('json'), line.has('debug'), line.has('verbose'), line.has('help')]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  test.each(['--help', '-h', 'login --help', 'status -h'])('%s asks for help', (line) => {
    expect(parse(line).has('help')).toBe(true)
  })

  test('that begins with help asks for the help of what follows', () => {
    expect([parse('help').has('help'), parse('help').explicit]).toEqual([true, false])
    expect([parse('help login').has('help'), parse('help login').command]).toEqual([true, 'login'])
  })

  test.each(['--version', '-V'])('%s asks for the version', (line) => {
    expect(parse(line).has('version')).toBe(true)
  })

  test('treats words after -- as words', () => {
    expect(parse('login -- --work').server).toBe('--work')
  })
})

describe('a mistake', () => {
  const message = async (...argv: string[]) => {
    const error = await errorOf(() => parseCommandLine(argv))
    expect(error.code).toBe('usage')
    return error.message
  }

  test.each([
    ['--profil', '--profile'],
    ['--heder', '--header'],
    ['--no-brower', '--no-browser'],
    ['--Json', '--json'],
  ])('of the option %s names %s', async (wrong, right) => {
    expect(await message(wrong, 'x')).toBe(`Unknown option "${wrong}"; did you mean "${right}"?`)
  })

  test.each(['--xyzzyxyzzy', '-x', '--constructor', '--toString', '--__proto__', '--no-'])(
    'of the unknown option %s is reported',
    async (wrong) => {
      expect(await message(wrong)).toContain(`Unknown option "${wrong}"`)
    },
  )

  test.each([
    [['status', '--force'], '--force is not an option of status.'],
    [['https://x/', '--json'], '--json is not an option of run.'],
    [['logout', '--no-browser'], '--no-browser is not an option of logout.'],
    [['login', '--login', 'auto'], '--login is not an option of login.'],
  ])('of an option in the wrong place (%j) is reported', async (argv, text) => {
    expect(await message(...argv)).toBe(text)
  })

  test.each([
    [['--profile'], '--profile needs a value: --profile NAME.'],
    [['--profile='], '--profile needs a value: --profile NAME.'],
    [['--header'], '--header needs a value: --header NAME:VALUE.'],
    [['login', '--profile', '--force'], '--profile needs a value: --profile NAME.'],
    [['--config', '--debug'], '--config needs a value: --config FILE.'],
  ])('of a missing value (%j) is reported, and no option is used as the value', async (argv, text) => {
    expect(await message(...argv)).toBe(text)
  })

  test('of an unexpected value is reported', async () => {
    expect(await message('status', '--json=yes')).toBe('--json takes no value.')
  })

  test('of a misspelled command before a server names the command', async () => {
    expect(await message('logn', 'https://a/')).toBe('"logn" is not a command; did you mean "login"?')
    expect(await message('xyzzy', 'https://a/')).toBe('"xyzzy" is not a command.')
  })

  test('in the options of a command leads to its help', async () => {
    const hint = async (...argv: string[]) => (await errorOf(() => parseCommandLine(argv))).hint
    expect(await hint('status', '--scope', 'x')).toBe('Run mcp-oauth-bridge status --help')
    expect(await hint('login', 'a', 'b')).toBe('Run mcp-oauth-bridge login --help')
    expect(await hint('https://a/', '--jsn')).toBe('Run mcp-oauth-bridge --help')
  })

  test('of one word too many is reported', async () => {
    expect(await message('login', 'a', 'b')).toBe('"b" is an unexpected argument.')
    expect(await message('install', 'a', 'b', 'c')).toBe('"c" is an unexpected argument.')
    expect(await message('reset', 'a')).toBe('"a" is an unexpected argument.')
    expect(await message('https://a/', 'https://b/')).toBe('"https://b/" is an unexpected argument.')
  })

  test('is quoted without terminal controls', async () => {
    expect(await message('--\u001b[31mred')).not.toContain('\u001b')
  })

  test('never names the option that our own processes use', async () => {
    expect(await message('login', '--attemp')).not.toContain('did you mean "--attempt"')
  })
})
