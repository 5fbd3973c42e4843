// config.yaml → checked values: ${NAME} is replaced, and errors name line, column and the closest key.
import { BridgeError } from '../../errors.ts'
import { holdsSecret } from '../../redaction/names.ts'
import { quote, withoutControls } from '../../redaction/text.ts'
import { type CacheKey, rememberConfig, stampOf } from './cache.ts'
import { fillEnvironment, variableIn } from './environment.ts'
import { nearest } from './nearest.ts'
import type { OwnFile } from './ownFile.ts'
import { type ConfigFile, type Issue, keysAt, schema } from './schema.ts'
import { isEmpty, type ReadConfig, setAside } from './unset.ts'
import { parseYaml, type YamlText } from './yamlText.ts'

/** The checked values, cached for the next start if the file contains no secret. @throws BridgeError config_invalid */
export function parseAndRemember(key: CacheKey, own: OwnFile, environment: NodeJS.ProcessEnv): ReadConfig {
  const { file, unfilled } = parseForOneServer(own.text, key.path, environment)
  if (!holdsSecret(unfilled) && variablesAreFree(unfilled)) rememberConfig(key, stampOf(key, own), unfilled)
  return file
}

/** Every printable character, to find out whether a place takes any text. */
const PROBE = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')

/** True when the schema takes any printable text where the tree has a `${NAME}`, so that a variable cannot break its rules. */
function variablesAreFree(unfilled: unknown): boolean {
  const probed = (probe: string) =>
    JSON.parse(JSON.stringify(unfilled), (_, value) =>
      typeof value === 'string' && /\$\{\w+\}/.test(value) ? probe : value,
    )
  return ['~', PROBE].every((probe) => schema.safeParse(probed(probe)).success)
}

/** The checked values, and the same data before `${NAME}` was replaced. @throws BridgeError config_invalid */
export function parseConfigFile(
  text: string,
  path: string,
  environment: NodeJS.ProcessEnv,
): { file: ConfigFile; unfilled: unknown } {
  return checkWhole(parseSound(text, path), path, environment)
}

/** @throws BridgeError config_invalid for text that is not YAML */
function parseSound(text: string, path: string): YamlText {
  const yaml = parseYaml(text)
  const [broken] = yaml.faults
  if (broken) throw invalid(`${path}:${broken.place}: ${broken.message}`)
  return yaml
}

function checkWhole(yaml: YamlText, path: string, environment: NodeJS.ProcessEnv) {
  const filled = yaml.toData((value, place) => fillEnvironment(value, environment, `${path}:${place}: `))
  const checked = schema.safeParse(filled)
  if (!checked.success) throw invalid(faultsOf(filled, yaml, path).map(({ text }) => text))
  return { file: checked.data, unfilled: yaml.toData() }
}

/**
 * The same for a start, which needs one server: entries whose variables are not set are checked without them and set aside.
 * @throws BridgeError config_invalid
 */
export function parseForOneServer(
  text: string,
  path: string,
  environment: NodeJS.ProcessEnv,
): { file: ReadConfig; unfilled: unknown } {
  const yaml = parseSound(text, path)
  const unfilled = yaml.toData()
  const { rest, unset } = setAside(unfilled, environment)
  if (isEmpty(unset)) return checkWhole(yaml, path, environment)
  const isUnset = (value: unknown) => typeof value === 'string' && /\$\{\w+\}/.test(value)
  const [fault] = faultsOf(unfilled, yaml, path).filter(({ value }) => !isUnset(value))
  if (fault) throw invalid(fault.text)
  const checked = schema.safeParse(
    JSON.parse(JSON.stringify(rest), (_, value) =>
      typeof value === 'string' ? fillEnvironment(value, environment, `${path}: `) : value,
    ),
  )
  // With its place, which is known only where nothing is set aside.
  if (!checked.success) throw invalid(faultsOf(yaml.toData(lenient(environment)), yaml, path).map(({ text }) => text))
  return { file: { ...checked.data, unset }, unfilled }
}

const lenient = (environment: NodeJS.ProcessEnv) => (text: string) =>
  text.replace(/\$\{(\w+)\}/g, (whole, name: string) => variableIn(environment, name) ?? whole)

export interface Fault {
  readonly kind: 'missing' | 'unknown' | 'invalid'
  /** With file, line, column and, for an unknown key, the closest one. */
  readonly text: string
  /** The value at that place. */
  readonly value?: unknown
}

/** The errors of the schema for `data`, which came from `yaml`. */
export function faultsOf(data: unknown, yaml: YamlText, path: string): Fault[] {
  const { error } = schema.safeParse(data)
  const faults = (error?.issues ?? []).flatMap(meantIssues).flatMap((issue): Fault[] => {
    const shown = issue.path.join('.') || 'the file'
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, issue.path, yaml, path))
    const place = (at: readonly PropertyKey[]) => `${path}:${yaml.valueAt(at)}`
    if (issue.path.length > 0 && valueAt(data, issue.path) === undefined)
      return [{ kind: 'missing', text: `${place(issue.path.slice(0, -1))}: ${shown} is missing` }]
    return [
      {
        kind: 'invalid',
        text: `${place(issue.path)}: ${shown} ${wordsOf(issue)}`,
        value: valueAt(data, issue.path),
      },
    ]
  })
  // Names of keys and files may have line breaks, which would look like lines of ours.
  return faults.map((fault) => ({ ...fault, text: withoutControls(fault.text) }))
}

/** Where a word or a map may stand: the faults of the map that does. */
function meantIssues(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const within = issue.errors.find((one) =>
    one.every(({ code, path }) => typeof path[0] === 'string' || code === 'unrecognized_keys'),
  )
  return within?.map((one) => ({ ...one, path: [...issue.path, ...one.path] }) as Issue) ?? [issue]
}

const KINDS: Readonly<Record<string, string>> = {
  object: 'a map (key: value)',
  record: 'a map (key: value)',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

/** The schema library's message for a wrong value, in our own words; our own messages are unchanged. */
function wordsOf(issue: Issue): string {
  if (!/^(Invalid|Too) /.test(issue.message)) return issue.message
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`
  if (issue.code === 'too_small')
    return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`
  if (issue.code === 'invalid_union') return 'has a value of the wrong type'
  return issue.message.replace(/^Invalid/, 'is invalid:')
}

function unknownKey(key: string, parent: readonly PropertyKey[], yaml: YamlText, path: string): Fault {
  const whole = [...parent, key]
  const near = nearest(key, keysAt(parent))
  const guess = near === undefined ? '' : `; did you mean ${quote(near)}?`
  return { kind: 'unknown', text: `${path}:${yaml.keyAt(whole)}: unknown key ${quote(whole.join('.'))}${guess}` }
}

const valueAt = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], data)

const invalid = (message: string | readonly string[]) => new BridgeError('config_invalid', { message })
